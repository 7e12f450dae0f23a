"""In go messages, out they go to a hook one after the other: at once where it is at rest."""


cdef class Consumer:
    """Who may take messages at once."""

    def offer(self, message):
        if not isinstance(message, Message):
            raise TypeError(f"{message!r} is no Message")
        return self.take(<tuple>message)

    cdef bint take(self, tuple message) except -1:
        return False


cdef class PumpCore(Consumer):
    cdef public object connection
    cdef public object _hooks
    cdef readonly dict _types
    cdef public bint _is_working
    cdef public bint _has_news

    def __init__(self, hooks, dict types not None):
        self._hooks = hooks
        self._types = types
        self._is_working = True

    cdef bint take(self, tuple message) except -1:
        if self._is_working:
            return False
        self._is_working = True
        try:
            result = self._hooks.message(self.connection, message[1], self._types[message[0]])
        except BaseException as error:
            self._failed(error)
            result = None
        if result is None or not self._goes_on(result):
            self.rest_now()
        return True

    def rest(self):
        self.rest_now()

    cdef int rest_now(self) except -1:
        self._is_working = False
        if self._has_news:
            self._handle_news()
        return 0

    def _failed(self, error):
        raise error

    def _goes_on(self, result):
        return False

    def _handle_news(self):
        pass
