# SPDX-License-Identifier: MIT
# ccm-hook alert: what an automation wants the person to hear of.
# shellcheck shell=bash

load helper

setup() { ccm_sandbox; }

@test "alert: it is stored with its automation, session and event" {
	CCM_AUTOMATION=watch CCM_SESSION_ID=s1 CCM_EVENT_ID=e1 \
		run -0 --separate-stderr ccm-hook alert urgent "Disk is full" "3 MB left"
	[ -z "$output$stderr" ]
	run -0 db "SELECT level, source, session_id, event_uuid, title, body FROM alert"
	[ "$output" = "urgent|watch|s1|e1|Disk is full|3 MB left" ]
}

@test "alert: typed by a person it has no session, no event and ccm as its source" {
	ccm-hook alert info "Lunch"
	run -0 db "SELECT source, session_id IS NULL, event_uuid IS NULL, body IS NULL FROM alert"
	[ "$output" = "ccm|1|1|1" ]
}

@test "alert: --source names who raises it" {
	ccm-hook alert --source=cron warning "Backup is late"
	[ "$(db "SELECT source FROM alert")" = cron ]
}

@test "alert: it has an id that sorts by time" {
	ccm-hook alert info one
	ccm-hook alert info two
	[ "$(db "SELECT group_concat(title) FROM (SELECT title FROM alert ORDER BY uuid)")" = one,two ]
	[ "$(db "SELECT length(uuid) FROM alert LIMIT 1")" = 36 ]
}

@test "alert: a title stays one line, a body keeps its lines" {
	ccm-hook alert info $'two\nlines' $'two\nlines'
	run -0 db "SELECT title = 'two lines', body = 'two' || char(10) || 'lines' FROM alert"
	[ "$output" = "1|1" ]
}

@test "alert: bytes that are not UTF-8 are replaced" {
	ccm-hook alert info $'caf\xe9'
	[ "$(db "SELECT title FROM alert")" = "caf�" ]
}

@test "alert: an unknown level is a usage error" {
	run -64 --separate-stderr ccm-hook alert loud Title
	[[ $stderr == *"the level is info, warning or urgent, not 'loud'"* ]]
}

@test "alert: an empty title is a usage error" {
	run -64 --separate-stderr ccm-hook alert info ""
	[[ $stderr == *"the title is empty"* ]]
	[ "$(ccm-hook db "SELECT count(*) FROM alert")" = 0 ]
}
