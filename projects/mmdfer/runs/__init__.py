"""What a run leaves: its folder (:mod:`~mmdfer.runs.layout`), comparison, report, published figures."""
