"""Encodes what leaves as JSON. The twin of codecs/json_core.py."""

# Looked up once: as names of the module they would be for every message.
cdef object DUMPS = orjson.dumps
cdef object OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


cdef class JsonCore:
    cdef readonly object _plain
    cdef object _encode_any
    cdef bint is_own  # no subclass encodes in another way

    def __init__(self, hook not None):
        self._plain = partial(to_builtins, enc_hook=hook)
        self._encode_any = JsonEncoder(enc_hook=hook).encode
        self.is_own = type(self).encode is JsonCore.encode

    def encode(self, value, /):
        return self.encoded(value)

    cdef bytes encoded(self, value):
        cdef PyObject *data
        if type(value) is dict or type(value) is list:
            data = call_with_three(DUMPS, value, self._plain, OPTIONS)
        else:
            data = PyObject_CallOneArg(self._encode_any, value)
        return self.encoded_slowly(value) if data is NULL else <bytes?>owned(data)

    cdef bytes encoded_slowly(self, value):
        try:
            raise_pending()
        except (TypeError, ValueError, RecursionError):
            from ..codecs.json_core import encode_slowly  # codecs import this module

            return encode_slowly(value, self._plain)


cdef JsonCore json_core_of(codec):
    """The core of a codec that encodes as it does; None for every other codec."""
    return <JsonCore>codec if isinstance(codec, JsonCore) and (<JsonCore>codec).is_own else None
