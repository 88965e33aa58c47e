#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a program where the kernel seems to lack something, as in a container. Usage: deny.py namespaces,landlock COMMAND..."""
import ctypes
import errno
import os
import platform
import struct
import sys

CLONE_NEWUSER = 0x10000000
ARM = platform.machine() == "aarch64"
CLONE, UNSHARE, CLONE3, LANDLOCK = (220, 97, 435, 444) if ARM else (56, 272, 435, 444)
LOAD, EQUAL, ANY_OF, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000

what = sys.argv[1].split(",")
program = []


def op(code, yes, no, value):
    program.append(struct.pack("=HBBI", code, yes, no, value))


def refuse(call, error):
    op(LOAD, 0, 0, 0)
    op(EQUAL, 0, 1, call)
    op(RETURN, 0, 0, ERRNO | error)


if "namespaces" in what:
    refuse(UNSHARE, errno.EPERM)
    refuse(CLONE3, errno.ENOSYS)
    op(LOAD, 0, 0, 0)
    op(EQUAL, 0, 3, CLONE)
    op(LOAD, 0, 0, 16)
    op(ANY_OF, 0, 1, CLONE_NEWUSER)
    op(RETURN, 0, 0, ERRNO | errno.EPERM)
if "landlock" in what:
    refuse(LANDLOCK, errno.ENOSYS)
op(RETURN, 0, 0, ALLOW)


class Filter(ctypes.Structure):
    _fields_ = [("count", ctypes.c_ushort), ("program", ctypes.c_char_p)]


libc = ctypes.CDLL(None, use_errno=True)
whole = Filter(len(program), b"".join(program))
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(whole), 0, 0):
    sys.exit("deny.py: " + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[2], sys.argv[2:])
