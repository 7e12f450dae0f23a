"""Calls a hook with each message, one after the other: at once where it is at rest."""

cdef object STATUS = SendStatus


cdef class Consumer:
    """Who may take messages at once."""

    def offer(self, message):
        return self.take(checked(message))

    cdef bint take(self, tuple message) except -1:
        return False


cdef tuple checked(message):
    if not isinstance(message, Message):
        raise TypeError(f"{message!r} is no Message")
    return <tuple>message


cdef class HooksCore:
    def call(self, owner, connection, message):
        raise NotImplementedError

    cdef object handle(self, owner, connection, tuple message):
        """Do as `call`; what is compiled has this, and no detour through Python."""
        return self.call(owner, connection, message)


cdef class PumpCore(Consumer):
    cdef public object connection
    cdef public object context
    cdef readonly HooksCore _hooks
    cdef readonly object _owner
    cdef readonly Stepper _stepper
    cdef public bint _is_working
    cdef public bint _has_news

    def __init__(self, HooksCore hooks not None, owner, Stepper stepper not None):
        self._hooks = hooks
        self._owner = owner
        self._stepper = stepper
        self._is_working = True
        self.context = stepper.empty

    cdef bint take(self, tuple message) except -1:
        if self._is_working:
            return False
        self._is_working = True
        if self.handle(message):
            self.rest_now()
        return True

    def rest(self):
        self.rest_now()

    cdef int rest_now(self) except -1:
        while self._has_news:
            self._is_working = True
            message = self._take()
            if message is None:
                self._has_news = False
            elif not self.handle_any(checked(message)):
                return 0
        self._is_working = False
        return 0

    cdef bint handle_any(self, tuple message) except -1:
        return self._handle_control(message) if <int>message[0] > BINARY else self.handle(message)

    cdef bint handle(self, tuple message) except -1:
        cdef bint has_ended
        context = PyContext_Copy(self.context)
        PyContext_Enter(context)
        try:
            result = self._hooks.handle(self._owner, self.connection, message)
            has_ended = result is None or self.step(result, context, None)
        except BaseException as error:
            return self.fail_in(context, error)
        PyContext_Exit(context)
        return has_ended

    def _call(self, hook, tuple arguments not None, then not None):
        cdef bint has_ended
        context = PyContext_Copy(self.context)
        PyContext_Enter(context)
        try:
            result = hook(*arguments)
            has_ended = result is None or self.step(result, context, then)
        except BaseException as error:
            return self.fail_in(context, error)
        PyContext_Exit(context)
        return has_ended

    cdef bint fail_in(self, context, error) except -1:
        """The hook that was called in ``context`` has raised, and so has ended."""
        try:
            self._failed(error)
        finally:
            PyContext_Exit(context)
        return True

    cdef bint step(self, result, context, then) except -1:
        """Go on with what a hook returned, inside a task; whether that was all. ``then``: None for `rest`."""
        cdef PyObject *value = NULL
        cdef Parked parked
        cdef bint has_ended
        if not is_awaitable(result):
            return True
        parked = self._stepper.enter()
        try:
            work = self.first_step(result)
            if work is None:
                return True
            has_ended = send(work, &value)
            waits_for = owned(value)
            if not has_ended:
                then = self.rest if then is None else then
                self._goes_on(parked.hand_over(work, waits_for, context, then))
            return has_ended
        finally:
            self._stepper.leave(parked)

    cdef object first_step(self, result):
        """Make the first step of what a hook returned; return what is left to be done."""
        cdef PyObject *value = NULL
        cdef bint has_ended
        if type(result) is COROUTINE:
            has_ended = send(result, &value)
            waits_for = owned(value)
            return None if has_ended else self._finish_rest(result, waits_for)
        if type(result) is Handling:
            result = (<Handling>result).step()
        return None if result is None else self._finish(result)

    def _take(self):
        return None

    def _handle_control(self, message):
        return True

    def _failed(self, error):
        raise error

    async def _finish(self, awaitable):
        await awaitable

    def _finish_rest(self, steps, waits_for):
        raise NotImplementedError

    def _goes_on(self, task):
        pass


cdef bint is_awaitable(result) except -1:
    if type(result) is COROUTINE or type(result) is Handling:
        return True
    # What `push` answers may be awaited, and says nothing new: hooks that end with it are common.
    return may_be_awaited(result) and type(result) is not STATUS and isawaitable(result)
