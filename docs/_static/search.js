/* The search finds questions in the words in which people ask them: a page need not hold every word of a question.
 * Pages are ordered by how many of its words they hold, rare words and words of titles counting more, and short
 * pages before long ones (Robertson & Zaragoza 2009, BM25, each word counted once). Names of classes are looked
 * up only where one word is searched for; of several, lessons and answers come before the reference. */
"use strict";

(() => {
  if (typeof Search === "undefined") return; // not the page of the search
  const TITLE = 2.5, PART = 0.4, LENGTH = 0.75, SATURATION = 1.2, ASIDE = 0.7;
  const ANSWERS = /^(howto\/|tutorials\/|moving\/|lab$|classroom$)/;

  const listed = (files) => (files === undefined ? [] : Array.isArray(files) ? files : [files]);

  /* How many different words each page has, and the mean of that. */
  const lengths = (index) => {
    const counts = new Array(index.docnames.length).fill(0);
    for (const files of Object.values(index.terms)) for (const file of listed(files)) counts[file] += 1;
    return [counts, counts.reduce((a, b) => a + b, 0) / Math.max(1, counts.length)];
  };

  /* The files that hold a word, each with its weight there: 1, or less where it is part of a longer word only. */
  const holders = (table, word) => {
    const found = new Map();
    if (Object.hasOwn(table, word)) for (const file of listed(table[word])) found.set(file, 1);
    else if (word.length > 3)
      for (const [term, files] of Object.entries(table))
        if (term.startsWith(word) || (term.length > 4 && word.startsWith(term)))
          for (const file of listed(files)) found.set(file, PART);
    return found;
  };

  const ofTerms = (searchTerms, excludedTerms) => {
    const index = Search._index, [counts, mean] = lengths(index), scores = new Map();
    const pages = index.docnames.length;
    const words = [...searchTerms].filter((word) => word.length > 2);
    for (const word of words.length ? words : searchTerms) {
      const text = holders(index.terms, word), titles = holders(index.titleterms, word);
      const all = new Set([...text.keys(), ...titles.keys()]);
      const rare = Math.log(1 + (pages - all.size + 0.5) / (all.size + 0.5));
      for (const file of all) {
        const weight = (text.get(file) ?? 0) + TITLE * (titles.get(file) ?? 0);
        const size = SATURATION * (1 - LENGTH + (LENGTH * counts[file]) / mean);
        const kind = words.length > 1 && !ANSWERS.test(index.docnames[file]) ? ASIDE : 1;
        const gain = (kind * rare * weight * (SATURATION + 1)) / (weight + size);
        scores.set(file, (scores.get(file) ?? 0) + gain);
      }
    }
    const without = (file) =>
      ![...excludedTerms].some((word) => listed(index.terms[word]).includes(file));
    return [...scores]
      .filter(([file]) => without(file))
      .map(([file, score]) => [
        index.docnames[file], index.titles[file], "", null, 100 + Math.round(1000 * score),
        index.filenames[file], SearchResultKind.text,
      ]);
  };

  /* Whether a word is the name of an object, or a part of it: not of its module, and not in the middle of a word. */
  const named = (full, word) => {
    const name = full.split(".").pop(), small = name.toLowerCase();
    const parts = name.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+/g) ?? [];
    const asked = word.toLowerCase().split(".").pop();
    return small.startsWith(asked) || small.endsWith(asked) || parts.some((part) => part.toLowerCase().startsWith(asked));
  };

  const ofObjects = Search.performObjectSearch;
  Search.performTermsSearch = ofTerms;
  Search.performObjectSearch = (object, objectTerms) =>
    objectTerms.size > 1 ? [] : ofObjects(object, objectTerms).filter((found) => named(found[1], object)).map((found) => {
      found[4] += 100000; // a name that was typed is what is looked for
      return found;
    });
})();
