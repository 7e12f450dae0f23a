"""Runs coroutines inside tasks, from their first step on, which is made at once."""

cdef extern from "Python.h":
    int PYGEN_RETURN
    int PyIter_Send(object iterator, object value, PyObject **result) except -1
    object PyContext_Copy(object context)
    object PyContext_CopyCurrent()
    Py_ssize_t Py_REFCNT(object known)
    bint Py_EnterRecursiveCall(const char *where)
    void Py_LeaveRecursiveCall()
    PyObject *PyDict_GetItemWithError(object mapping, object key) except? NULL
    PyObject *PyDict_SetDefault(object mapping, object key, object value) except NULL

# Looked up once: as names of the module they would be for every message.
cdef object COROUTINE = CoroutineType

# Where asyncio has a loop's current task. 3.14 has it in the thread's state, and a function to set it.
cdef dict CURRENT_TASKS = tasks._current_tasks if sys.version_info < (3, 14) else None
cdef object SWAP_CURRENT_TASK = getattr(tasks, "_swap_current_task", None)

cdef enum:
    MAX_PARKED = 16


cdef int go_deeper(const char *where) except -1:
    """Count a call, as Python does with its own: RecursionError before the stack overflows."""
    return -1 if Py_EnterRecursiveCall(where) else 0


cdef object enter_task(loop, task):
    """Make ``task`` the current one of ``loop``; return the one that was, if there was one."""
    if CURRENT_TASKS is None:
        return SWAP_CURRENT_TASK(loop, task)
    outer = <object>PyDict_SetDefault(CURRENT_TASKS, loop, task)
    if outer is task:
        return None
    CURRENT_TASKS[loop] = task
    return outer


cdef int leave_task(loop, outer) except -1:
    """Make ``outer`` the current task again."""
    if CURRENT_TASKS is None:
        SWAP_CURRENT_TASK(loop, outer)
    elif outer is None:
        del CURRENT_TASKS[loop]
    else:
        CURRENT_TASKS[loop] = outer
    return 0


cdef bint send(steps, PyObject **value) except -1:
    """Step a coroutine, and leave in ``value`` what it waits for, or if it has ended what it returned.

    There is no StopIteration of a return. Who calls this takes the reference.
    """
    return PyIter_Send(steps, None, value) == PYGEN_RETURN


def first_step(work not None):
    cdef PyObject *value = NULL
    cdef bint has_ended = send(work, &value)
    return has_ended, owned(value)


@cython.final
cdef class InContext:
    cdef object _work
    cdef object _context

    def __init__(self, work not None, context not None):
        self._work = work
        self._context = context

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.step()

    def send(self, value):
        return self.step()

    cdef object step(self):
        cdef PyObject *sent = NULL
        cdef bint has_ended
        PyContext_Enter(self._context)
        try:
            has_ended = self.send_within(&sent)
        finally:
            PyContext_Exit(self._context)
        value = owned(sent)
        if has_ended:
            raise StopIteration(value)
        return value

    cdef bint send_within(self, PyObject **sent) except -1:
        """Step what may be another of these, and so on: they may be nested more deeply than C can call."""
        go_deeper(" while stepping")
        try:
            return send(self._work, sent)
        finally:
            Py_LeaveRecursiveCall()

    def throw(self, *error):
        PyContext_Enter(self._context)
        try:
            return self._work.throw(*error)
        finally:
            PyContext_Exit(self._context)

    def close(self):
        PyContext_Enter(self._context)
        try:
            self._work.close()
        finally:
            PyContext_Exit(self._context)

    def __getattr__(self, name):
        go_deeper(" while getting an attribute")
        try:
            return getattr(self._work, name)
        finally:
            Py_LeaveRecursiveCall()


@cython.final
cdef class Parked:
    cdef object task
    cdef object _loop
    cdef object _outer
    cdef Parked _next_free
    cdef Py_ssize_t _references
    cdef InContext _work
    cdef object _then
    cdef object _waits_for
    cdef object _callback
    cdef object _callback_context
    cdef bint _is_blocking
    cdef bint _is_cancelled
    cdef bint _is_handed_over
    cdef public bint _asyncio_future_blocking

    def __init__(self, loop, context):
        self._loop = loop
        self.task = task = Task(self, loop=loop, context=context)
        tasks._unregister_task(task)
        task._log_destroy_pending = False

    cdef object hand_over(self, work, waits_for, context, then):
        task, self.task = self.task, None  # or each would keep the other
        self._work = InContext(work, context)
        self._then = then
        self._waits_for = waits_for
        self._is_blocking = bool(getattr(waits_for, "_asyncio_future_blocking", None))
        if self._is_blocking:
            waits_for._asyncio_future_blocking = False
        self._is_handed_over = True
        tasks._register_task(task)
        if self._callback is not None:
            callback, context = self._callback, self._callback_context
            self._callback = self._callback_context = None
            self._loop.call_soon(callback, self, context=context)
        return task

    cdef int enter(self) except -1:
        self._outer = enter_task(self._loop, self.task)
        return 0

    cdef int leave(self) except -1:
        leave_task(self._loop, self._outer)
        self._outer = None
        return 0

    cdef bint is_free(self) except -1:
        if self.task is None or self._is_cancelled:
            return False
        if self._callback is None and self.task._must_cancel:
            return False
        return Py_REFCNT(self.task) <= self._references and not is_weakly_known(self.task)

    # what the task runs

    def __next__(self):
        return self.step()

    def send(self, value):
        return self.step()

    cdef object step(self):
        if self._work is None:
            self._asyncio_future_blocking = True
            return self
        if self._is_handed_over:
            return self.taken_over()
        try:
            return self._work.step()
        except StopIteration:
            if self._then is not None:
                self._then()
            raise

    def throw(self, *error):
        if self._work is None:
            raise error[0]
        if self._is_handed_over:
            waits_for = self.taken_over()
            if waits_for is not None and waits_for.cancel(*getattr(error[0], "args", ())):
                return waits_for
        try:
            return self._work.throw(*error)
        except StopIteration:
            if self._then is not None:
                self._then()
            raise

    cdef object taken_over(self):
        self._is_handed_over = False
        waits_for, self._waits_for = self._waits_for, None
        if self._is_blocking:
            waits_for._asyncio_future_blocking = True
        return waits_for

    def close(self):
        if self._work is not None:
            self._work.close()

    def __getattr__(self, name):
        return getattr(self._work, name)

    def __await__(self):
        raise NotImplementedError("run by a task only")

    # what the task waits for

    def get_loop(self):
        return self._loop

    def add_done_callback(self, callback, *, context):
        self._callback, self._callback_context = callback, context

    def cancel(self, msg=None):
        self._is_cancelled = True
        return False

    def result(self):
        pass


@cython.final
cdef class Stepper:
    cdef readonly object loop
    cdef readonly object empty
    cdef Parked _first_free
    cdef int _free
    # A parked task that is still the loop's current one, though its work has ended: while a read is processed
    # the next message is likely to need it again, and to leave and enter costs a third of a short handler.
    cdef Parked _held
    cdef bint is_reading

    def __init__(self, loop):
        self.loop = loop
        self.empty = Context()

    def captured(self):
        context = PyContext_CopyCurrent()
        return context if len(context) else self.empty

    def start(self, work not None, context not None):
        cdef PyObject *value = NULL
        cdef bint has_ended
        cdef Parked parked = self.enter()
        try:
            PyContext_Enter(context)
            try:
                has_ended = send(work, &value)
            except CancelledError:
                return None
            finally:
                PyContext_Exit(context)
            waits_for = owned(value)
            return None if has_ended else parked.hand_over(work, waits_for, context, None)
        finally:
            self.leave(parked, False)

    cdef Parked enter(self):
        """Be inside a parked task."""
        cdef Parked parked = self._held
        if parked is not None:
            self._held = None
        else:
            parked = self._first_free
            if parked is None:
                parked = Parked(self.loop, self.empty)
            else:
                self._first_free, parked._next_free = parked._next_free, None
                self._free -= 1
            parked.enter()
        parked._references = Py_REFCNT(parked.task)
        return parked

    cdef int leave(self, Parked parked, bint may_be_held) except -1:
        """Be outside again, now or at `settle`; the task is used again, if it can be."""
        cdef bint is_free = parked.is_free()
        if is_free and may_be_held and self.is_reading and parked._outer is None:
            self._held = parked
            return 0
        parked.leave()
        if is_free and self._free < MAX_PARKED:
            parked._next_free, self._first_free = self._first_free, parked
            self._free += 1
        return 0

    cdef int settle(self) except -1:
        """Be outside, before anything is called that does not run in a task."""
        cdef Parked parked = self._held
        if parked is not None:
            self._held = None
            self.leave(parked, False)
        return 0
