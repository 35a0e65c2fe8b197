"""The commands of ``mmdfer``, a module each: ``HELP``, ``add_arguments(parser)``, ``run(args)``, which may return a
status.

Parsers are light: a command imports what it runs in ``run``, so that its help is there at once.
"""
