"""How well an answer keeps the order of a text: which words that follow each other still do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from ocr_core.scoring.tally import Tally


def neighbours(truth: Iterable[str], found: Iterable[str]) -> Tally:
    """Count the pairs of neighbouring words of a text that are neighbours in an answer.

    Pairs are compared as bags (multisets): a pair matches as often as it is in both. Possible are as many as the words
    that were read allow, whatever their order: a word that was read k times too few misses k of its pairs with the word
    before and k with the word behind, and a pair that both its words miss is missed once. So a word that is not read
    costs nothing; one that is read but is not there, or elsewhere, breaks the pair between which it stands.

    Args:
        truth: the words of a page in the order in which a person reads them.
        found: the words of the answer in its order.

    Returns:
        `truth` holds the possible pairs, `found` the pairs of the answer; the recall is the share of order kept.
    """
    truth, found = list(truth), list(found)
    wanted, given, read = Counter(pairwise(truth)), Counter(pairwise(found)), Counter(found)
    first, second = Counter(truth[:-1]) - read, Counter(truth[1:]) - read
    possible = wanted.total() - first.total() - second.total() + _shared(wanted, first, second)
    return Tally((wanted & given).total(), possible, given.total())


def _shared(pairs: Counter[tuple[str, str]], first: Counter[str], second: Counter[str]) -> int:
    """Return how many pairs can be among those that miss their first word and those that miss their second.

    That is a maximum flow from first words to second ones; here the smaller of what leaves the first and what reaches
    the second, which is no less.
    """
    leaving, reaching = Counter[str](), Counter[str]()
    for (a, b), count in pairs.items():
        both = min(count, first[a], second[b])
        leaving[a] += both
        reaching[b] += both
    return min((leaving & first).total(), (reaching & second).total())
