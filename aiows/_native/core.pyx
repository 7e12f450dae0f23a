# cython: language_level=3, embedsignature=False, binding=False
# cython: wraparound=False, initializedcheck=False, cdivision=True
# cython: boundscheck=True, nonecheck=True, auto_pickle=False
"""The compiled build: one extension module that is made of several files.

The files call each other for every message, and within one C file the compiler can inline those calls. And one
module either exists or does not: there is no half-compiled build.

No object that Python code can make crashes it. So indexes and None are checked, and what the C API trusts is
checked before: that ``bytes`` are no None, that a class is one of tuples, that a slot is that of the object.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_AsString,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.object cimport PyTypeObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF, PyObject
from cpython.tuple cimport PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_1BYTE_DATA, PyUnicode_AsUTF8String, PyUnicode_GET_LENGTH
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy, memset

import sys
from asyncio import CancelledError, Task, tasks
from contextvars import Context
from functools import partial
from inspect import isawaitable, iscoroutinefunction
from types import CoroutineType

import orjson
from msgspec import UNSET, Struct, to_builtins
from msgspec.json import Encoder as JsonEncoder

from .._wire import refusals
from .._wire.assembler import DEFAULT_MAX_MSG_SIZE, MAX_LIMIT
from .._wire.deflate import Inflater
from .._wire.frames import parse_close
from .._wire.messages import Message
from .._wire.parser import Frame
from ..errors import ConcurrentReceive, ProtocolError
from ..send_status import SendStatus
from ..wire_form import kind_of

include "declarations.pxi"
include "utf8.pxi"
include "frames.pxi"
include "parser.pxi"
include "partial.pxi"
include "assembler.pxi"
include "reader.pxi"
include "json_core.pxi"
include "counters.pxi"
include "flusher.pxi"
include "stepper.pxi"
include "pump_core.pxi"
include "receiver_core.pxi"
include "protocol_core.pxi"
include "outbox_core.pxi"
include "connection_core.pxi"
include "pipeline.pxi"
include "hooks_core.pxi"
