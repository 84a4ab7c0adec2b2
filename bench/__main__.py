"""`python -m bench`. Its child processes read this file too, so the imports are where they are used."""

if __name__ == "__main__":
    import resource

    from bench.run import main

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
