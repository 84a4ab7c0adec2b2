"""`python -m bench`. The processes that it starts read this file too, so what it takes is imported where it runs."""

if __name__ == "__main__":
    import resource

    from bench.run import main

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
