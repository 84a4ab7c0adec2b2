/* Python binding of the interleaved bcrypt kernel: the type `Engine` of `_kernel.pyi`.
 *
 * Limited API of CPython 3.11. The GIL protects an engine except during a step, which releases it: `stepping` then
 * refuses calls of other threads, which would change lanes under computation.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>

#include "kernel.h"

typedef struct {
    PyObject_HEAD
    bcrypt_engine *engine;
    int stepping;
} EngineObject;

static int is_idle(EngineObject *self) {
    if (!self->stepping) return 1;
    PyErr_SetString(PyExc_RuntimeError, "the engine is in a step in another thread; give each thread its own engine");
    return 0;
}

static PyObject *engine_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, ":Engine", names)) return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    EngineObject *self = (EngineObject *)allocate(type, 0);
    if (!self) return NULL;
    self->stepping = 0;
    self->engine = bcrypt_engine_new();
    if (!self->engine) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return (PyObject *)self;
}

static void engine_dealloc(EngineObject *self) {
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    bcrypt_engine_free(self->engine);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type); /* an instance of a heap type owns a reference to it */
}

static PyObject *raise_status(bcrypt_status status) {
    switch (status) {
        case BCRYPT_FULL: PyErr_Format(PyExc_ValueError, "all %d lanes are taken; run a step first", BCRYPT_LANES); break;
        case BCRYPT_BAD_COST:
            PyErr_Format(PyExc_ValueError, "cost is outside %d to %d", BCRYPT_MIN_COST, BCRYPT_MAX_COST);
            break;
        case BCRYPT_BAD_TICKET: PyErr_SetString(PyExc_ValueError, "ticket is taken by another lane"); break;
        default:
            PyErr_Format(PyExc_ValueError, "key is longer than %d bytes; truncate it first", BCRYPT_KEY_BYTES);
    }
    return NULL;
}

static PyObject *engine_add(EngineObject *self, PyObject *args) {
    unsigned long long ticket;
    const char *key, *salt;
    Py_ssize_t key_length, salt_length;
    long cost;
    if (!PyArg_ParseTuple(args, "Ky#y#l:add", &ticket, &key, &key_length, &salt, &salt_length, &cost)) return NULL;
    if (!is_idle(self)) return NULL;
    if (key_length > BCRYPT_KEY_BYTES) return raise_status(BCRYPT_BAD_KEY);
    if (salt_length != BCRYPT_SALT_BYTES)
        return PyErr_Format(PyExc_ValueError, "salt is not %d bytes long", BCRYPT_SALT_BYTES);
    if (cost < BCRYPT_MIN_COST || cost > BCRYPT_MAX_COST) return raise_status(BCRYPT_BAD_COST);
    bcrypt_job job;
    memset(&job, 0, sizeof job);
    job.ticket = ticket;
    job.cost = (uint32_t)cost;
    job.key_length = (uint32_t)key_length;
    memcpy(job.key, key, (size_t)key_length);
    memcpy(job.salt, salt, BCRYPT_SALT_BYTES);
    bcrypt_status status = bcrypt_engine_add(self->engine, &job);
    bcrypt_wipe(&job, sizeof job);
    if (status != BCRYPT_OK) return raise_status(status);
    Py_RETURN_NONE;
}

static PyObject *engine_discard(EngineObject *self, PyObject *args) {
    unsigned long long ticket;
    if (!PyArg_ParseTuple(args, "K:discard", &ticket) || !is_idle(self)) return NULL;
    return PyBool_FromLong(bcrypt_engine_discard(self->engine, ticket));
}

static PyObject *result_list(const bcrypt_result *results, unsigned count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (unsigned n = 0; list && n < count; n++) {
        PyObject *pair = Py_BuildValue("(Ky#)", (unsigned long long)results[n].ticket, (const char *)results[n].digest,
                                       (Py_ssize_t)BCRYPT_DIGEST_BYTES);
        if (!pair || PyList_SetItem(list, (Py_ssize_t)n, pair) < 0) Py_CLEAR(list);
    }
    return list;
}

static PyObject *engine_step(EngineObject *self, PyObject *args) {
    unsigned int iterations = BCRYPT_MAX_STEP, count;
    bcrypt_result results[BCRYPT_LANES];
    if (!PyArg_ParseTuple(args, "|I:step", &iterations) || !is_idle(self)) return NULL;
    self->stepping = 1;
    Py_BEGIN_ALLOW_THREADS
    count = bcrypt_engine_step(self->engine, iterations, results);
    Py_END_ALLOW_THREADS
    self->stepping = 0;
    PyObject *list = result_list(results, count);
    bcrypt_wipe(results, sizeof results);
    return list;
}

static Py_ssize_t engine_length(EngineObject *self) { return (Py_ssize_t)bcrypt_engine_live(self->engine); }

static PyMethodDef engine_methods[] = {
    {"add", (PyCFunction)engine_add, METH_VARARGS, NULL},
    {"discard", (PyCFunction)engine_discard, METH_VARARGS, NULL},
    {"step", (PyCFunction)engine_step, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot engine_slots[] = {
    {Py_tp_new, engine_new},         {Py_tp_dealloc, engine_dealloc}, {Py_tp_methods, engine_methods},
    {Py_sq_length, engine_length}, {0, NULL},
};

/* Not a base class: a subclass could add a second owner of the pointer. Cannot be in a reference cycle: no GC. */
static PyType_Spec engine_spec = {
    .name = "service.hashing.interleaved._kernel.Engine",
    .basicsize = sizeof(EngineObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = engine_slots,
};

static int module_exec(PyObject *module) {
    PyObject *type = PyType_FromModuleAndSpec(module, &engine_spec, NULL);
    if (!type) return -1;
    int failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    if (failed) return -1;
    if (PyModule_AddIntConstant(module, "LANES", BCRYPT_LANES) < 0) return -1;
    return PyModule_AddIntConstant(module, "MAX_STEP", BCRYPT_MAX_STEP);
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_kernel",
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModuleDef_Init(&module); }
