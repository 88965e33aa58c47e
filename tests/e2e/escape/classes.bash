# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# The attacks by class; attacks.sh and attack.c hold them.

WRITE=(
	write_bashrc write_profile write_gitconfig write_ssh_key write_local_bin write_autostart write_systemd
	write_npmrc write_repo append_repo create_in_repo mkdir_in_repo delete_in_repo delete_repo rename_in_repo
	rename_repo symlink_in_repo fifo_in_repo chmod_repo chmod_key touch_repo truncate_repo sed_repo dd_repo
	tar_into_repo shared_place kill_files_by_find python_writes perl_unlinks file_xattr file_xattr_at file_chmod_fd
	file_chmod2 file_chown file_utimes file_truncate file_tmpfile_link file_punch file_map file_flags
)

SETTINGS=(
	write_claude_settings write_claude_local delete_claude_settings write_ccm_config write_ccm_db delete_ccm_db
	write_automation delete_automation write_spool write_other_task
)

READ=(
	read_ssh_key read_netrc read_credentials read_ccm_db read_ccm_config read_other_task list_home list_ccm
	find_home copy_home python_reads read_by_dots read_by_proc_root read_by_proc_cwd read_by_thread_root
	read_by_victim_root read_by_keeper_root read_by_dev_fd file_lease file_lock file_watch file_dnotify
)

LINKS=(
	hard_link hard_link_key soft_link_read soft_link_write soft_link_relative soft_link_proc soft_link_chmod
	soft_link_touch soft_link_truncate move_in move_out rsync_like file_link_out file_exchange race_symlink
	race_rename
)

POWERS=(
	suid_chmod suid_fchmod suid_fchmodat2 suid_open suid_mknod suid_openat2 suid_high_bits
)

PROCESSES=(
	kill_victim_0 signal_victim stop_victim signal_by_name proc_priority renice_victim gdb_victim debug_trace_self
	read_environment read_keeper_environment read_victim_fd read_victim_cwd read_victim_maps see_victim
	see_command_lines proc_tgkill proc_sigqueue proc_group proc_pidfd_signal proc_pidfd_getfd proc_ptrace
	proc_traceme proc_vm_read proc_vm_write proc_mem proc_prlimit proc_affinity proc_scheduler proc_ioprio proc_kcmp
	proc_sigio proc_perf proc_oom proc_parent_mem
)

TALK=(
	tmux_send_keys tmux_run_shell tmux_capture python_unix nc_unix docker_api ssh_agent dbus ipcs_list dev_shm
	ipc_stream ipc_datagram ipc_abstract ipc_pair_datagram ipc_pair_raw ipc_high_bits ipc_shm ipc_sem ipc_msg ipc_mq
	ipc_posix_shm ipc_fifo ipc_key_add ipc_key_read ipc_remove
)

NETWORK=(
	curl_other_port curl_localhost curl_v6 curl_no_proxy bash_tcp bash_udp python_tcp perl_tcp git_fetch_http
	npm_like net_tcp net_tcp6 net_mapped net_udp net_fastopen net_fastopen_connect net_multipath net_high_bits
	net_uevents net_crypto net_vsock net_raw_udp net_listen
)

KERNEL=(
	unshare_user unshare_root unshare_mount unshare_net unshare_pid setarch_32 write_sysctl_of_own kernel_unshare
	kernel_unshare_mount kernel_clone kernel_clone3 kernel_uring kernel_userfault kernel_fanotify kernel_handle
	kernel_personality kernel_setns kernel_ldt kernel_i386
)

TERMINAL=(
	echo_to_terminal stty_terminal read_terminal tty_write tty_modes tty_size tty_discipline
)

RESOURCES=(
	many_processes large_file much_memory raise_file_limit
)

LATE=(
	orphan orphan_session orphan_twice orphan_nohup orphan_python killed killed_session
)

# What goes through where a kernel gives no namespaces, see ccm-sandbox(7): names and command lines of processes, that
# files are changed, and what /proc tells of shared memory. A signal by SIGIO is only asked for; it is not delivered.
WITHOUT_NAMESPACES=(file_watch see_victim see_command_lines proc_sigio ipcs_list)
