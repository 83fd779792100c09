"""Everything people read exists in Japanese, once, with the same figures in it."""

from portal import catalogues
from portal.catalogues import Words


def test_every_marked_word_has_its_japanese():
    assert not [str(words) for words in catalogues.missing()]


def test_no_word_is_translated_in_two_ways():
    assert not catalogues.conflicts()


def test_placeholders_agree():
    assert not catalogues.disagreeing_placeholders()


def a_house(tmp_path, po: str, page: str = "", code: str = ""):
    folder = tmp_path / "portal" / "locale" / "ja" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    for room in catalogues.ROOMS:
        (tmp_path / room).mkdir(exist_ok=True)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text(page)
    (tmp_path / "portal" / "module.py").write_text(code)
    header = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
    header += '"Plural-Forms: nplurals=1; plural=0;\\n"\n\n'
    (folder / "django.po").write_text(header + po)
    return tmp_path


def test_missing_words_are_found_in_code_and_pages(tmp_path):
    house = a_house(
        tmp_path,
        'msgid "known"\nmsgstr "既知"\n\nmsgid "empty"\nmsgstr ""\n',
        page="{% load i18n %}\n  <p>\n{% translate 'on a page' %}\n"
        "{% blocktranslate count n=rows %}{{ n }} row{% plural %}{{ n }} rows{% endblocktranslate %}</p>",
        code='from x import gettext as _\n\nA = _("known")\nB = _("in code")\nC = _("empty")\n',
    )
    assert [words.ids for words in catalogues.missing(base=house)] == [
        ("in code",),
        ("empty",),
        ("on a page",),
        ("%(n)s row", "%(n)s rows"),
    ]
    assert all(isinstance(words, Words) and words.line for words in catalogues.missing(base=house))


def test_two_ways_and_twice_are_found(tmp_path):
    house = a_house(tmp_path, 'msgid "area"\nmsgstr "区域"\n\nmsgid "area"\nmsgstr "供給区域"\n')
    assert len(catalogues.conflicts(base=house)) == 1


def test_a_lost_figure_is_found(tmp_path):
    house = a_house(tmp_path, 'msgid "%(count)s of %(total)s"\nmsgstr "%(count)s件"\n')
    assert catalogues.disagreeing_placeholders(base=house) == ["%(count)s of %(total)s → %(count)s件"]


def test_catalogues_are_compiled_when_newer_only(tmp_path):
    house = a_house(tmp_path, 'msgid "known"\nmsgstr "既知"\n')
    assert len(catalogues.compile_catalogues(house)) == 1
    assert catalogues.compile_catalogues(house) == []
