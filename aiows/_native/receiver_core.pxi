"""Gives messages to a task that awaits them, in the same call that reads them where no other task runs."""


cdef class ReceiverCore(Consumer):
    cdef object _loop
    cdef object _current_task
    cdef object _given_as
    cdef dict _types
    cdef public bint _has_news
    cdef readonly bint has_read
    cdef readonly bint was_brought
    cdef object _callback
    cdef object _context
    cdef readonly object _held
    cdef readonly bint _has_waited
    cdef bint _is_woken
    cdef tuple _cancellation
    cdef public bint _asyncio_future_blocking

    def __init__(self, loop, current_task, type given_as not None, dict types not None):
        if not issubclass(given_as, tuple):
            raise TypeError(f"{given_as!r} is no class of tuples")
        self._loop = loop
        self._given_as = given_as
        self._types = types
        self._current_task = current_task

    cdef bint take(self, const Heading *heading, data) except -1:
        if self._callback is None:
            return False
        self._held = as_message(heading, data)
        if self._current_task(self._loop) is not None:
            self.wake_soon()
            return True
        callback, context = self._callback, self._context
        self._callback = self._context = None
        self._is_woken = True
        PyContext_Enter(context)
        try:
            callback(self)
        finally:
            PyContext_Exit(context)
        return True

    def hold(self, message):
        """Keep ``message`` for who asks next; None: keep nothing."""
        if message is not None and not isinstance(message, Message):
            raise TypeError(f"{message!r} is no Message")
        self._held = message

    @property
    def is_awaited(self):
        return self._callback is not None

    def wake(self):
        self._has_news = True
        self.wake_soon()

    cdef int wake_soon(self) except -1:
        if self._callback is not None:
            callback, context = self._callback, self._context
            self._callback = self._context = None
            self._is_woken = True
            self._loop.call_soon(callback, self, context=context)
        return 0

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        result = self.next_result()
        if result is None:
            return self
        raise StopIteration(result)

    @property
    def iteration(self):
        return Iteration(self)

    def next(self):
        return self.next_result()

    cdef object next_result(self):
        if self._callback is not None or self._is_woken:
            raise ConcurrentReceive
        self.has_read = True
        result = None
        held, self._held = self._held, None
        self.was_brought = held is not None and <int>(<tuple>held)[0] <= BINARY
        if held is not None:
            result = self.as_given(held)
        elif self._has_news:
            result = self._next(has_waited=self._has_waited)
            self._has_news = result is not None
        self._has_waited = self._asyncio_future_blocking = result is None
        return result

    cdef object as_given(self, message):
        opcode, data, extra = (<tuple>message)[0], (<tuple>message)[1], (<tuple>message)[2]
        return new_triple(self._given_as, self._types[opcode], data, extra)

    def _next(self, *, has_waited):
        return None

    def is_end(self, result):
        return False

    def get_loop(self):
        return self._loop

    def add_done_callback(self, callback, *, context):
        self._callback, self._context = callback, context
        if self._held is not None or self._has_news:
            self.wake_soon()

    def cancel(self, msg=None):
        self._has_waited = False
        if self._callback is None:
            return False
        self._cancellation = () if msg is None else (msg,)
        self.wake_soon()
        return True

    def result(self):
        self._is_woken = False
        cancellation, self._cancellation = self._cancellation, None
        if cancellation is not None:
            raise self.cancelled_error(*cancellation)


@cython.final
cdef class Iteration:
    cdef ReceiverCore _receiving

    def __init__(self, ReceiverCore receiving not None):
        self._receiving = receiving

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        result = self._receiving.next_result()
        if result is None:
            return self._receiving
        if not self._receiving.was_brought and self._receiving.is_end(result):
            raise StopAsyncIteration
        raise StopIteration(result)

    def send(self, _value):
        return self.__next__()

    def throw(self, *error):
        raise error[0]

    def close(self):
        pass
