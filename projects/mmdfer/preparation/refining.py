"""Refinement of a file of captions into another: rules, statistics, outliers, and a person's decisions."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

from tqdm import tqdm

from ..captions.caption_file import REFINED_NAME, Caption, CaptionFileError, read_captions, write_captions
from ..captions.outliers import KINDS, length_statistics, outlier_kinds, shared_texts
from ..captions.refine import RULES, Rules, refine_text
from ..captions.review import Decisions, Outlier, review
from ..clip_names import clip_path_key
from ..files import write_json


def refine_captions(path: str | Path, out: str | Path | None = None, rules: str | Path = RULES,
                    ask: bool = False, ids: Collection[str] | None = None, *,
                    count_tokens: Callable[[str], int]) -> dict:
    """Write the refined captions of a file, a report, and take a person's decisions on outliers.

    The file itself is left as it is. Beside ``out``, ``<stem>.report.json`` holds the statistics and the outliers,
    ``<stem>.decisions.jsonl`` the decisions, which later runs follow too. Captions of which nothing is left, and
    those that were dropped, are not in ``out``; other outliers stay as they are until someone decides.

    Args:
        path: a file of captions.
        out: the file to write; ``captions.refined.jsonl`` for ``captions.jsonl``.
        rules: a file of rules.
        ask: ask for decisions in the terminal.
        ids: names of the set's clips; captions of others are refused, clips without one counted.
        count_tokens: what a text encoder makes of a text, such as :func:`mmdfer.text.tokenizer.count_tokens`.

    Returns:
        The report.

    Raises:
        CaptionFileError: for captions that cannot be read, are of another set, or would be replaced themselves.
        ValueError: for rules that cannot be read.
    """
    path = Path(path)
    out = refined_path(path) if out is None else Path(out)
    if out.resolve() == path.resolve():
        raise CaptionFileError(f'{path}: the refined captions would replace their source; give another --out')
    captions = read_captions(path, ids, empty_ok=True)
    if any('refined' in caption.about for caption in captions.values()):
        raise CaptionFileError(f'{path}: is refined already; give the file it was made from')
    read_rules = Rules(rules)
    texts, changes = {}, {}
    for key, caption in tqdm(captions.items(), desc=str(path), unit='caption', leave=False):
        texts[key], changes[key] = refine_text(caption.caption, read_rules)
    outliers = _outliers(captions, texts, changes, read_rules, count_tokens)
    decisions = Decisions(out.with_suffix('.decisions.jsonl'))
    if ask:
        review(outliers, decisions, lambda text: outlier_kinds(text, read_rules, count_tokens(text)))

    refined, undecided, choices = [], [], Counter()
    by_id = {outlier.id: outlier for outlier in outliers}
    for key, caption in captions.items():
        decision = decisions.on(caption.id, texts[key])
        text = texts[key]
        if decision is not None:
            choices[decision.choice] += 1
            text = dict(accept=text, edit=decision.caption, drop='')[decision.choice]
        elif caption.id in by_id:
            undecided.append(by_id[caption.id])
        if text:
            done = [*changes[key], *(['edited'] if decision is not None and decision.choice == 'edit' else [])]
            refined.append(Caption(caption.id, text, dict(caption.about, refined=done)))
    if not refined:
        raise CaptionFileError(f'{path}: nothing is left of any of its {len(captions)} captions; look at them, or '
                               'at the rules')
    write_captions(refined, out)
    written = {caption.key for caption in refined}
    report = dict(
        without=sorted(name for name in ids or () if clip_path_key(name) not in written),
        captions=len(captions), written=len(refined), changed=sum(bool(names) for names in changes.values()),
        changes=dict(Counter(name for names in changes.values() for name in names).most_common()),
        decisions=dict(choices), lengths=length_statistics([caption.caption for caption in refined], count_tokens),
        undecided=dict(Counter(kind for outlier in undecided for kind in outlier.kinds).most_common()),
        outliers=[dict(id=outlier.id, kinds=list(outlier.kinds), before=outlier.before, after=outlier.after)
                  for outlier in undecided])
    write_json(report, str(out.with_suffix('.report.json')))
    print('\n'.join(_lines(report, path, out, ask)))
    return report


def refined_path(path: Path) -> Path:
    """``captions.refined.jsonl`` for ``captions.jsonl``."""
    return path.with_name(REFINED_NAME.replace('captions', path.stem, 1))


def _outliers(captions: dict[str, Caption], texts: dict[str, str], changes: dict[str, list[str]], rules: Rules,
              count_tokens: Callable[[str], int]) -> list[Outlier]:
    shared = shared_texts(texts, rules)
    found = []
    for key, caption in captions.items():
        kinds = (['refusal'] if 'refusals' in changes[key] else
                 outlier_kinds(texts[key], rules, count_tokens(texts[key])) + ['shared'] * (key in shared))
        if kinds:
            found.append(Outlier(caption.id, kinds, caption.caption, texts[key]))
    return found


def _lines(report: dict, path: Path, out: Path, asked: bool) -> list[str]:
    changes = ', '.join(f'{name} {count}' for name, count in report['changes'].items())
    words, tokens = (report['lengths'][name] for name in ('words', 'tokens'))
    lines = [f'{path}: {report["captions"]} captions, {report["changed"]} changed by the rules'
             + (f' ({changes})' if changes else ''),
             f'{out}: {report["written"]} captions of {words["mean"]} words and {tokens["mean"]} tokens on average, at '
             f'most {tokens["max"]} tokens']
    if report['decisions']:
        lines.append('decided: ' + ', '.join(f'{count} {name}' for name, count in report['decisions'].items()))
    for kind, count in report['undecided'].items():
        ids = [outlier['id'] for outlier in report['outliers'] if kind in outlier['kinds']]
        lines.append(f'  {count} to look at: {KINDS[kind]} (such as {", ".join(ids[:5])})')
    if report['without']:
        lines.append(f'{len(report["without"])} clips of the set have no caption (such as '
                     f'{", ".join(report["without"][:5])})')
    if report['undecided'] and not asked:
        lines.append('accept, edit or drop these by --review')
    lines.append(f'all is in {out.with_suffix(".report.json")}')
    return lines
