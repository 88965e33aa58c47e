#!/usr/bin/env perl
# SPDX-License-Identifier: MIT
# PostToolUse, Write: tells the model what is wrong with the file that it just wrote.
use strict;
use warnings;
use JSON::PP;

my $event = decode_json(do { local $/; <STDIN> });
exit 0 unless $event->{hook_event_name} eq 'PostToolUse' && $event->{tool_name} eq 'Write';
my $tabs = () = $event->{tool_input}{content} =~ /\t/g;
exit 0 unless $tabs;
print encode_json({ decision => 'block', reason => "$tabs tab(s) in $event->{tool_input}{file_path}: use spaces" });
