"""Decodes and checks the text of TEXT messages. The twin of _wire/utf8.py."""


cdef str text_of(const uint8_t *data, Py_ssize_t size, const uint8_t *key):
    """Decode a whole text that is masked with ``key``."""
    try:
        return unmasked_text(data, size, key)
    except UnicodeDecodeError as error:
        raise refusals.not_text() from error


def decode_text(bytes payload not None):
    cdef uint8_t[4] key
    memset(key, 0, 4)
    return text_of(<const uint8_t *>PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload), key)


cdef int check_utf8(Utf8 *state, const uint8_t *data, Py_ssize_t size) except -1:
    if not utf8_check(state, data, <size_t>size):
        raise refusals.not_text()
    return 0


cdef int check_whole_utf8(const uint8_t *data, Py_ssize_t size) except -1:
    """Check a text that has come to its end."""
    cdef Utf8 state
    memset(&state, 0, sizeof(state))
    check_utf8(&state, data, size)
    if state.missing:
        raise refusals.not_text()
    return 0


@cython.final
cdef class Utf8Checker:
    cdef Utf8 _state

    def check(self, bytes piece not None):
        check_utf8(
            &self._state, <const uint8_t *>PyBytes_AS_STRING(piece), PyBytes_GET_SIZE(piece)
        )
