"""The packages and the optional C extension. All other metadata is in pyproject.toml.

Neither can be said there: the table for extensions is experimental, and `migrations/` and `examples/` lie beside the
packages while a wheel has them inside, as `service.store.alembic` and `service.cli.examples`.
"""

from setuptools import Extension, find_packages, setup

FOLDER = "service/hashing/interleaved"
BESIDE = {
    "service.store.alembic": "migrations",
    "service.store.alembic.versions": "migrations/versions",
    "service.cli.examples": "examples",
    "service.cli.examples.registration": "examples/registration",
}

setup(
    packages=[*find_packages(include=["service", "service.*", "simulator", "simulator.*"]), *BESIDE],
    package_dir=BESIDE,
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
