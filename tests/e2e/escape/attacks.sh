#!/bin/sh
# SPDX-License-Identifier: MIT
# What a sandboxed program might try with a shell, one name each: exit 0, it went through. Usage: attacks.sh NAME, in a
# place that may be written. What it is aimed at is in the environment, see lib.bash.
# shellcheck shell=dash disable=SC2016

# Usage: met STATUS
# Whether curl reached a server; ours hang up.
met() { [ "$1" -eq 52 ] || [ "$1" -eq 55 ] || [ "$1" -eq 56 ]; }

# ---- files: write

write_bashrc() { echo evil >>"$VHOME/.bashrc"; }
write_profile() { echo evil >"$VHOME/.profile"; }
write_gitconfig() { printf '[alias]\n\tstatus = !evil\n' >>"$VHOME/.gitconfig"; }
write_ssh_key() { echo evil >>"$VHOME/.ssh/authorized_keys"; }
write_local_bin() { echo evil >"$VHOME/.local/bin/git"; }
write_autostart() { echo evil >"$VHOME/.config/autostart/evil.desktop"; }
write_systemd() { echo evil >"$VHOME/.config/systemd/user/evil.service"; }
write_npmrc() { echo evil >"$VHOME/.npmrc"; }
write_claude_settings() { echo '{"disableAllHooks":true}' >"$VHOME/.claude/settings.json"; }
write_claude_local() { echo '{}' >"$VHOME/.claude/settings.local.json"; }
delete_claude_settings() { rm "$VHOME/.claude/settings.json"; }
write_ccm_config() { echo evil >>"$CCM/config.ini"; }
write_ccm_db() { printf x | dd of="$CCM/ccm.db" conv=notrunc; }
delete_ccm_db() { rm "$CCM/ccm.db"; }
write_automation() { echo evil >"$CCM/automations/enabled/01-evil"; }
delete_automation() { rm "$CCM/automations/enabled/10-guard"; }
write_spool() { echo '{}' >"$CCM/spool/evil.json"; }
write_other_task() { echo evil >"$CCM/tasks/other/work/file"; }
write_repo() { echo evil >"$REPO/a.txt"; }
append_repo() { echo evil >>"$REPO/a.txt"; }
create_in_repo() { echo evil >"$REPO/new.txt"; }
mkdir_in_repo() { mkdir "$REPO/new"; }
delete_in_repo() { rm "$REPO/a.txt"; }
delete_repo() { rm -r "$REPO"; }
rename_in_repo() { mv "$REPO/a.txt" "$REPO/b.txt"; }
rename_repo() { mv "$REPO" "$REPO.gone"; }
symlink_in_repo() { ln -s /etc/passwd "$REPO/link"; }
fifo_in_repo() { mkfifo "$REPO/fifo"; }
chmod_repo() { chmod 000 "$REPO/.git"; }
chmod_key() { chmod 644 "$VHOME/.ssh/id_rsa"; }
touch_repo() { touch -d 2001-01-01 "$REPO/a.txt"; }
truncate_repo() { truncate -s 0 "$REPO/a.txt"; }
sed_repo() { sed -i s/a/b/ "$REPO/a.txt"; }
dd_repo() { dd if=/dev/zero of="$REPO/a.txt" bs=1 count=1 conv=notrunc; }
tar_into_repo() { echo x >t && tar cf t.tar t && tar xf t.tar -C "$REPO"; }
shared_place() { echo evil >"$SERVICES/shared/evil"; }
kill_files_by_find() { find "$REPO" -name a.txt -delete && ! test -e "$REPO/a.txt"; }
python_writes() { python3 -c 'import os; open(os.environ["REPO"] + "/py", "w")'; }
perl_unlinks() { perl -e 'unlink("$ENV{REPO}/a.txt") or exit 1'; }

# ---- files: read

read_ssh_key() { grep -q SECRET "$VHOME/.ssh/id_rsa"; }
read_netrc() { grep -q SECRET "$VHOME/.netrc"; }
read_credentials() { grep -q SECRET "$VHOME/.claude/.credentials.json"; }
read_ccm_db() { head -c 1 "$CCM/ccm.db"; }
read_ccm_config() { cat "$CCM/config.ini"; }
read_other_task() { cat "$CCM/tasks/other/work/file"; }
list_home() { ls "$VHOME/.ssh"; }
list_ccm() { ls "$CCM/tasks"; }
find_home() { find "$VHOME" -name id_rsa | grep -q .; }
copy_home() { cp -r "$VHOME/.ssh" stolen; }
python_reads() { python3 -c 'import os; open(os.environ["VHOME"] + "/.ssh/id_rsa")'; }
read_by_dots() { cat "$PWD/../../../../../../../../../..$VHOME/.ssh/id_rsa"; }
read_by_proc_root() { cat "/proc/self/root$VHOME/.ssh/id_rsa"; }
read_by_proc_cwd() { cat "/proc/self/cwd/../../../../../../../../..$VHOME/.ssh/id_rsa"; }
read_by_thread_root() { cat "/proc/thread-self/root$VHOME/.ssh/id_rsa"; }
read_by_victim_root() { cat "/proc/$VICTIM/root$VHOME/.ssh/id_rsa"; }
read_by_keeper_root() { cat "/proc/$KEEPER/root$VHOME/.ssh/id_rsa"; }
read_by_dev_fd() { exec 4<"$VHOME/.ssh/id_rsa" && cat /dev/fd/4; }
read_environment() { tr '\0' '\n' <"/proc/$VICTIM/environ" | grep -q PATH; }
read_keeper_environment() { tr '\0' '\n' <"/proc/$KEEPER/environ" | grep -q PATH; }
read_victim_fd() { cat "/proc/$VICTIM/fd/3"; }
read_victim_cwd() { ls "/proc/$VICTIM/cwd/"; }
read_victim_maps() { cat "/proc/$VICTIM/maps"; }
see_victim() { test -d "/proc/$VICTIM"; }
see_command_lines() { grep -q victim "/proc/$VICTIM/cmdline"; }

# ---- links

hard_link() { ln "$REPO/a.txt" hard && echo evil >>hard; }
hard_link_key() { ln "$VHOME/.ssh/id_rsa" key && cat key; }
soft_link_read() { ln -s "$VHOME/.ssh/id_rsa" soft && cat soft; }
soft_link_write() { ln -s "$REPO" dir && echo evil >dir/new.txt; }
soft_link_relative() { ln -s ../../../../../../../../../.. up && cat "up$VHOME/.ssh/id_rsa"; }
soft_link_proc() { ln -s /proc/self/root root && cat "root$VHOME/.ssh/id_rsa"; }
soft_link_chmod() { ln -s "$REPO/a.txt" soft && chmod 777 soft; }
soft_link_touch() { ln -s "$REPO/a.txt" soft && touch -d 2001-01-01 soft; }
soft_link_truncate() { ln -s "$REPO/a.txt" soft && : >soft; }
move_in() { mv "$VHOME/.ssh" stolen; }
move_out() { echo evil >mine && mv mine "$REPO/mine"; }
rsync_like() { cp -a "$VHOME/." stolen; }

# ---- processes

kill_victim_0() { kill -0 "$VICTIM"; }
signal_victim() { kill -WINCH "$VICTIM"; }
stop_victim() { kill -STOP "$VICTIM" && kill -CONT "$VICTIM"; }
signal_by_name() { pkill -WINCH -u "$(id -u)" -x attack; }
renice_victim() { renice -n 19 -p "$VICTIM"; }
gdb_victim() { gdb -batch -p "$VICTIM" 2>&1 | grep -q '^\[Inferior'; }
debug_trace_self() { strace -o trace true; }
raise_file_limit() { ulimit -c unlimited && [ "$(ulimit -c)" = unlimited ]; }

# ---- IPC

tmux_send_keys() { tmux -S "$SERVICES/tmux" send-keys evil; }
tmux_run_shell() { tmux -S "$SERVICES/tmux" run-shell -b "touch $SERVICES/shared/by-tmux"; }
tmux_capture() { tmux -S "$SERVICES/tmux" capture-pane -p; }
python_unix() { python3 -c 'import os, socket; socket.socket(socket.AF_UNIX).connect(os.environ["SERVICES"] + "/stream")'; }
nc_unix() { curl -s -m 2 --unix-socket "$SERVICES/stream" http://x/; met $?; }
docker_api() { curl -s -m 2 --unix-socket "$SERVICES/stream" http://docker/containers/json; met $?; }
ssh_agent() { SSH_AUTH_SOCK=$SERVICES/stream ssh-add -l 2>&1 | grep -q 'agent refused\|communication'; }
dbus() { DBUS_SESSION_BUS_ADDRESS=unix:path=$SERVICES/stream python3 -c 'import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM); s.connect(os.environ["DBUS_SESSION_BUS_ADDRESS"][10:])'; }
ipcs_list() { ipcs -m | grep -qi "$(printf '%08x' $((0x63636d00 ^ $(id -u))))"; }
ipc_remove() { ipcrm -Q $((0x63636d00 ^ $(id -u))); }
dev_shm() { [ -e "/dev/shm$MQ" ] && echo x >>"/dev/shm$MQ"; }

# ---- network

curl_other_port() { curl -s -m 2 "http://127.0.0.1:$PORT/"; met $?; }
curl_localhost() { curl -s -m 2 "http://localhost:$PORT/"; met $?; }
curl_v6() { curl -s -m 2 "http://[::1]:$PORT6/"; met $?; }
curl_no_proxy() { curl -s -m 2 --noproxy '*' "http://127.0.0.1:$PORT/"; met $?; }
bash_tcp() { bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT"; }
bash_udp() { bash -c "exec 3<>/dev/udp/127.0.0.1/$UDP"; }
python_tcp() { python3 -c "import socket; socket.create_connection(('127.0.0.1', $PORT))"; }
perl_tcp() { perl -MIO::Socket::INET -e "IO::Socket::INET->new('127.0.0.1:$PORT') or exit 1"; }
git_fetch_http() { git ls-remote "http://127.0.0.1:$PORT/x" 2>&1 | grep -q 'Empty reply\|reset'; }
npm_like() { node -e "require('net').connect($PORT, '127.0.0.1', () => process.exit(0)).on('error', () => process.exit(1))"; }

# ---- the kernel

unshare_user() { unshare -U true; }
unshare_root() { unshare -r true; }
unshare_mount() { unshare -rm mount -t tmpfs none /mnt; }
unshare_net() { unshare -rn true; }
unshare_pid() { unshare -rpf true; }
setarch_32() { setarch linux32 true; }
write_sysctl_of_own() { echo 500 >/proc/self/oom_score_adj; }

# ---- terminals

echo_to_terminal() { echo evil >"$PTS"; }
stty_terminal() { stty -F "$PTS" raw; }
read_terminal() { timeout 1 cat "$PTS"; [ $? -eq 124 ]; }

# ---- what would go on afterwards: lib.bash looks for $LATER after a while

orphan() { (sleep 0.5; echo late >"$LATER") >/dev/null 2>&1 & }
orphan_session() { setsid sh -c 'sleep 0.5; echo late >"$LATER"' >/dev/null 2>&1 & }
orphan_twice() { setsid sh -c '(setsid sh -c "sleep 0.5; echo late >\"$LATER\"" &) &' >/dev/null 2>&1; }
orphan_nohup() { nohup sh -c 'sleep 0.5; echo late >"$LATER"' >/dev/null 2>&1 & }
orphan_python() { python3 -c 'import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(0.5); open(os.environ["LATER"], "w").write("late")' >/dev/null 2>&1; }

# The same, when who keeps it was killed.
killed() { (trap '' HUP TERM; sleep 0.7; echo late >"$LATER") >/dev/null 2>&1 & touch started; sleep 20; }
killed_session() { setsid sh -c '(setsid sh -c "sleep 0.7; echo late >\"$LATER\"" &) &' >/dev/null 2>&1; touch started; sleep 20; }

"$1"
