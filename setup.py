"""The optional C extension. All other metadata is in pyproject.toml; its table for extensions is experimental."""

from setuptools import Extension, setup

FOLDER = "service/hashing/interleaved"

setup(
    ext_modules=[
        Extension(
            "service.hashing.interleaved._kernel",
            sources=[f"{FOLDER}/extension.c", f"{FOLDER}/kernel.c"],
            depends=[f"{FOLDER}/kernel.h", f"{FOLDER}/pi_tables.h"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            py_limited_api=True,
            extra_compile_args=["-std=c11", "-O2"],  # no -march: a wheel must run on every machine of its platform
            optional=True,  # without a C compiler the build succeeds, and the bcrypt package is used
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
