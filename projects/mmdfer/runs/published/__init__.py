"""What papers print, to stand beside ours: every result table of the three papers, and the neighbours' own figures.

``fe_adapter.yaml``, ``pe_clip.yaml`` and ``finecliper.yaml`` hold ``paper``, ``venue`` and ``tables`` by key
(``table3``). A table has ``number`` (as printed), ``title``, ``protocol`` (in words), ``folds: first`` where it is of
the first fold alone, ``needs`` (weights and inputs), ``sets``, perhaps ``recalls`` (the classes whose recalls stand
before UAR and WAR), and ``compares: true`` where rows are of other systems but for the ``chosen`` ones. A row has

``row``, ``name``
    its key in the table, and its name as printed; null and ``label_lost`` where the text that was read lost it.
``dfew``, ``ferv39k``, ``mafw``
    UAR and WAR in per cent; a set that is absent is a dash or a blank.
``recall``
    per cent, in the order of the table's ``recalls``.
``about``, ``venue``, ``backbone``, ``trained_on``, ``tunable``
    in words or as printed; tunable parameters in millions.
``chosen``
    the model, or the setting, that the paper proposes.
``config``
    the config or the row of ``configs/ablations`` that is this row here: ``paper/row``, a name with ``{set}`` in it, or
    one for each set.
``also``
    further ones that are the same, in groups of their own.
``completed``
    of figures that lost their last digit: what was read, and the table that the digit is from; null for one that no
    text confirms.

``notes`` say what contradicts a figure or limits it: ``at`` names rows, ``row.set`` or ``row.set.uar``, none for the
whole table. ``neighbours.yaml`` is a list of rows with ``told`` (epoch and views), ``leaks`` (what its release does
that a test should not see), ``folds`` (figures of each fold) and ``remarks`` (by set, ``""`` for all). ``sets.yaml``
counts test clips.
"""
from .quoting import all_rows_of, comparable, known_test_clips, paper_row, printed_pairs, published
from .reading import SETS, PublishedRow, PublishedTable, find_paper, find_table, read_neighbours, read_papers

__all__ = ['SETS', 'PublishedRow', 'PublishedTable', 'all_rows_of', 'comparable', 'find_paper', 'find_table',
           'known_test_clips', 'paper_row', 'printed_pairs', 'published', 'read_neighbours', 'read_papers']
