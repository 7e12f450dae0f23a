"""Builds frames (RFC 6455, section 5.2). The twin of _wire/frames.py."""


def build_frame(uint8_t opcode, payload, *, bint fin=True, bint rsv1=False, bytes mask=None):
    cdef Py_buffer view
    cdef const uint8_t *key = NULL
    cdef uint8_t first = opcode | (FIN if fin else 0) | (RSV1 if rsv1 else 0)
    if mask is not None:
        if PyBytes_GET_SIZE(mask) != 4:
            raise ValueError("a mask has 4 bytes")
        key = <const uint8_t *>PyBytes_AS_STRING(mask)
    if type(payload) is bytes:
        return frame_of(
            first, <const uint8_t *>PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload), key
        )
    PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
    try:
        return frame_of(first, <const uint8_t *>view.buf, view.len, key)
    finally:
        PyBuffer_Release(&view)


def apply_mask(bytes payload not None, bytes mask not None):
    if PyBytes_GET_SIZE(mask) != 4:
        raise ValueError("a mask has 4 bytes")
    return unmasked_bytes(
        <const uint8_t *>PyBytes_AS_STRING(payload),
        PyBytes_GET_SIZE(payload),
        <const uint8_t *>PyBytes_AS_STRING(mask),
    )


cdef bytes frame_of(uint8_t first, const uint8_t *payload, Py_ssize_t size, const uint8_t *key):
    cdef uint8_t[MAX_HEADER_SIZE] header
    cdef int header_size
    if first & FIRST_CONTROL:
        check_control(first, size)
    if size > PY_SSIZE_T_MAX - MAX_HEADER_SIZE:
        raise MemoryError
    header_size = build_header(header, first, <uint64_t>size, key)
    cdef bytes frame = PyBytes_FromStringAndSize(NULL, header_size + size)
    cdef uint8_t *target = <uint8_t *>PyBytes_AS_STRING(frame)
    memcpy(target, header, header_size)
    if not size:
        return frame
    if key is NULL:
        memcpy(target + header_size, payload, size)
    else:
        mask_into(target + header_size, payload, <size_t>size, key)
    return frame


cdef bytes header_of(uint8_t first, Py_ssize_t size):
    """Return the header of an unmasked frame, whose payload is sent separately."""
    cdef uint8_t[MAX_HEADER_SIZE] header
    cdef int header_size = build_header(header, first, <uint64_t>size, NULL)
    return PyBytes_FromStringAndSize(<const char *>header, header_size)


cdef int check_control(uint8_t first, Py_ssize_t size) except -1:
    if size > MAX_CONTROL_SIZE:
        raise ValueError(f"a control frame holds at most {MAX_CONTROL_SIZE} bytes, not {size}")
    if not first & FIN or first & RSV1:
        raise ValueError("a control frame is neither fragmented nor compressed")
    return 0


cdef struct Payload:
    const char *start
    Py_ssize_t size


cdef object read_payload(Payload *data, payload):
    """Point ``data`` at the bytes of ``payload``; return the object that owns them. ASCII text is not copied."""
    if type(payload) is str and PyUnicode_IS_COMPACT_ASCII(payload):
        data.start = <const char *>PyUnicode_1BYTE_DATA(payload)
        data.size = PyUnicode_GET_LENGTH(payload)
        return payload
    if isinstance(payload, str):
        payload = PyUnicode_AsUTF8String(payload)
    data.start = PyBytes_AsString(payload)
    data.size = PyBytes_GET_SIZE(payload)
    return payload
