"""Declares what the other files use from the C headers beside them."""

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1
    const size_t PY_VECTORCALL_ARGUMENTS_OFFSET
    PyObject *PyObject_CallMethodOneArg(object owner, object name, object argument)
    PyObject *PyObject_CallOneArg(object function, object argument)
    bint PyObject_TypeCheck(object value, PyTypeObject *type)
    object PyObject_Vectorcall(object function, PyObject **arguments, size_t count, PyObject *names)
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    str PyUnicode_DecodeUTF8(const char *data, Py_ssize_t size, const char *errors)

# RFC 6455, section 11.8
cdef enum:
    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8

cdef extern from "masking.h" nogil:
    bint mask_into "aiows_mask_into"(
        uint8_t *target, const uint8_t *source, size_t size, const uint8_t *key
    )
    bint mask_in_place "aiows_mask_in_place"(uint8_t *data, size_t size, const uint8_t *key)
    void rotate_key "aiows_rotate_key"(uint8_t *key, uint64_t masked)

cdef extern from "utf8.h" nogil:
    ctypedef struct Utf8 "aiows_utf8":
        uint8_t missing

    bint utf8_check "aiows_utf8_check"(Utf8 *state, const uint8_t *data, size_t size)

cdef extern from "header.h" nogil:
    enum:
        FIN "AIOWS_FIN"
        RSV1 "AIOWS_RSV1"
        FIRST_CONTROL "AIOWS_FIRST_CONTROL"
        MAX_CONTROL_SIZE "AIOWS_MAX_CONTROL_SIZE"
        MAX_HEADER_SIZE "AIOWS_MAX_HEADER_SIZE"
        BAD_START "AIOWS_BAD_START"
        NO_MASK "AIOWS_NO_MASK"
        LONG_CONTROL "AIOWS_LONG_CONTROL"

    ctypedef struct Header "aiows_header":
        uint64_t length
        uint8_t opcode
        uint8_t fin
        uint8_t rsv1
        uint8_t key[4]

    int parse_header "aiows_parse_header"(
        Header *header, const uint8_t *data, size_t size, bint allow_rsv1, bint require_mask
    )
    int build_header "aiows_build_header"(
        uint8_t *header, uint8_t first, uint64_t length, const uint8_t *key
    )

cdef extern from "objects.h":
    void release_buffer "aiows_release_buffer"(Py_buffer *view) noexcept
    object new_message "aiows_new_message"(
        PyTypeObject *type, int opcode, PyObject *data, object extra, Py_ssize_t size
    )
    object new_triple "aiows_new_triple"(object type, object first, object second, object third)
    Py_ssize_t slot_offset "aiows_slot_offset"(object type, object descriptor)
    PyObject **slot_of "aiows_slot"(object owner, Py_ssize_t offset)
    bint may_be_awaited "aiows_may_be_awaited"(object value)
    bint is_weakly_known "aiows_is_weakly_known"(object value)
    object take_slot "aiows_take_slot"(object owner, Py_ssize_t offset, object instead)
    bytes unmasked_bytes "aiows_unmasked_bytes"(
        const uint8_t *data, Py_ssize_t size, const uint8_t *key
    )
    PyObject *call_with_three "aiows_call_with_three"(
        object function, object first, object second, object third
    )
    str unmasked_text "aiows_unmasked_text"(
        const uint8_t *data, Py_ssize_t size, const uint8_t *key
    )

cdef extern from "memory.h":
    PyObject *new_memory "aiows_new_memory"(bint is_text, Py_ssize_t capacity) except NULL
    uint8_t *memory_start "aiows_memory_start"(PyObject *memory)
    Py_ssize_t memory_capacity "aiows_memory_capacity"(PyObject *memory)
    int resize_memory "aiows_resize_memory"(
        PyObject **memory, Py_ssize_t size, Py_ssize_t capacity
    ) except -1

cdef inline Py_ssize_t size_of(bytes data) except -1:
    """The size of what has to be ``bytes``: a variable of that type may hold None."""
    if data is None:
        raise TypeError("bytes are needed, not None")
    return PyBytes_GET_SIZE(data)

cdef extern from "sending.h":
    Py_ssize_t send_now "aiows_send_now"(int descriptor, const char *data, size_t size)


cdef int raise_pending() except -1:
    """Raise the error that a function of C has set."""
    return -1


cdef inline object owned(PyObject *value):
    """The object whose reference came with the pointer."""
    result = <object>value
    Py_DECREF(result)
    return result
