"""The words and families that small edits swap, a table a language.

Knows spellings, not trees. Guards that an edit speaks the language of its file.
"""

from dataclasses import dataclass

from kodo.syntax.languages import LanguageName

Choices = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Words:
    """How a language spells what edits insert. "" where it has no such thing.

    `empties` are the values of an early return, `guard` the statement for it (`{p}` a parameter,
    `{v}` a value). `{x}` in a template is the expression at hand, `{y}` a second one.
    """

    true: str = "true"
    false: str = "false"
    none: str = "null"
    and_: str = "&&"
    or_: str = "||"
    not_: str = "!({x})"
    is_none: str = "{x} == null"
    is_not_none: str = "{x} != null"
    self_: str = "this."
    end: str = ";"
    empties: tuple[str, ...] = ("null", "0", "false", '""')
    guard: str = "if (!{p}) return {v};"
    short_guard: str = ""
    empty_list: str = "[]"
    length: str = ""
    copies: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    appends: tuple[str, ...] = ()
    wraps: tuple[str, ...] = ()
    await_: str = ""
    minimum: str = ""
    maximum: str = ""


_JAVASCRIPT = Words(
    is_none="{x} == null",
    is_not_none="{x} != null",
    empties=("[]", "null", "0", "false", "true", '""', "undefined"),
    guard="if (!{p}) return {v};",
    short_guard="if (!{p} || {p}.length === 0) return {v};",
    length="{x}.length",
    copies=("[...{x}]", "{x}.slice()"),
    slices=("{x}.slice(1)", "{x}.slice(0, -1)", "{x}.slice({y})", "{x}.slice(0, {y})"),
    appends=("{x}.push({y})", "{x}.add({y})"),
    wraps=("Math.abs({x})", "Math.floor({x})", "Number({x})", "String({x})", "[{x}]"),
    await_="await ",
    minimum="Math.min({x}, {y})",
    maximum="Math.max({x}, {y})",
)

WORDS: dict[LanguageName, Words] = {
    "python": Words(
        "True",
        "False",
        "None",
        "and",
        "or",
        "not {x}",
        "{x} is None",
        "{x} is not None",
        "self.",
        "",
        empties=("[]", "None", "0", "False", "True", '""', "{p}"),
        guard="if not {p}:\n    return {v}",
        short_guard="if len({p}) <= 1:\n    return {v}",
        length="len({x})",
        copies=("{x}.copy()", "{x}[:]", "list({x})", "copy.deepcopy({x})", "deepcopy({x})"),
        slices=("{x}[1:]", "{x}[:-1]", "{x}[{y}:]", "{x}[:{y}]", "{x}[::-1]"),
        appends=("{x}.append({y})", "{x}.add({y})"),
        wraps=(
            "list({x})",
            "str({x})",
            "int({x})",
            "len({x})",
            "abs({x})",
            "sorted({x})",
            "set({x})",
            "tuple({x})",
            "[{x}]",
            "({x},)",
            "float({x})",
            "reversed({x})",
        ),
        await_="await ",
        minimum="min({x}, {y})",
        maximum="max({x}, {y})",
    ),
    "javascript": _JAVASCRIPT,
    "typescript": _JAVASCRIPT,
    "tsx": _JAVASCRIPT,
    "rust": Words(
        none="None",
        is_none="{x}.is_none()",
        is_not_none="{x}.is_some()",
        self_="self.",
        empties=("None", "0", "false", "true", "Vec::new()", "String::new()"),
        guard="if {p}.is_empty() { return {v}; }",
        empty_list="Vec::new()",
        length="{x}.len()",
        copies=("{x}.clone()", "{x}.to_vec()"),
        slices=("&{x}[1..]", "&{x}[..{x}.len() - 1]", "&{x}[{y}..]", "&{x}[..{y}]"),
        appends=("{x}.push({y})", "{x}.insert({y})"),
        wraps=("{x}.abs()", "Some({x})", "Ok({x})", "&{x}"),
        minimum="{x}.min({y})",
        maximum="{x}.max({y})",
    ),
    "go": Words(
        none="nil",
        is_none="{x} == nil",
        is_not_none="{x} != nil",
        self_="",
        end="",
        empties=("nil", "0", "false", "true", '""'),
        guard="if len({p}) == 0 {\n    return {v}\n}",
        empty_list="",
        length="len({x})",
        slices=("{x}[1:]", "{x}[:len({x})-1]", "{x}[{y}:]", "{x}[:{y}]"),
        appends=("{x} = append({x}, {y})",),
        wraps=("len({x})", "int({x})", "float64({x})", "string({x})"),
        minimum="min({x}, {y})",
        maximum="max({x}, {y})",
    ),
    "java": Words(
        empties=("null", "0", "false", "true", '""', "-1"),
        guard="if ({p} == null) return {v};",
        short_guard="if ({p}.isEmpty()) return {v};",
        empty_list="new ArrayList<>()",
        length="{x}.size()",
        copies=("new ArrayList<>({x})", "{x}.clone()"),
        appends=("{x}.add({y})",),
        wraps=("Math.abs({x})", "(int) {x}", "(long) {x}", "(double) {x}", "String.valueOf({x})"),
        minimum="Math.min({x}, {y})",
        maximum="Math.max({x}, {y})",
    ),
    "c": Words(
        none="NULL",
        is_none="{x} == NULL",
        is_not_none="{x} != NULL",
        self_="",
        empties=("0", "NULL", "-1", "1"),
        guard="if (!{p}) return {v};",
        empty_list="",
        wraps=("abs({x})", "strlen({x})", "*{x}", "&{x}"),
    ),
    "cpp": Words(
        none="nullptr",
        is_none="{x} == nullptr",
        is_not_none="{x} != nullptr",
        self_="this->",
        empties=("{}", "0", "false", "true", "-1"),
        guard="if ({p}.empty()) return {v};",
        short_guard="if (!{p}) return {v};",
        empty_list="{}",
        length="{x}.size()",
        appends=("{x}.push_back({y})", "{x}.insert({y})"),
        wraps=("std::abs({x})", "static_cast<int>({x})", "static_cast<double>({x})", "*{x}"),
        minimum="std::min({x}, {y})",
        maximum="std::max({x}, {y})",
    ),
    "ruby": Words(
        none="nil",
        is_none="{x}.nil?",
        is_not_none="!{x}.nil?",
        self_="@",
        end="",
        empties=("[]", "nil", "0", "false", "true", '""'),
        guard="return {v} if {p}.nil?",
        short_guard="return {v} if {p}.empty?",
        length="{x}.length",
        copies=("{x}.dup",),
        slices=("{x}[1..]", "{x}[0..-2]", "{x}[{y}..]", "{x}[0...{y}]"),
        appends=("{x} << {y}",),
        wraps=("{x}.to_i", "{x}.to_s", "{x}.abs", "{x}.to_f", "[{x}]", "{x}.sort", "{x}.to_a"),
        minimum="[{x}, {y}].min",
        maximum="[{x}, {y}].max",
    ),
    "bash": Words("true", "false", '""', "&&", "||", "! {x}", '-z "{x}"', '-n "{x}"', "", ""),
}

# Comparison and arithmetic operators: how likely each is to be the right one instead.
OPERATORS: Choices = {
    "<": {"<=": 1.0, ">": 0.6, ">=": 0.35, "!=": 0.2, "==": 0.1},
    "<=": {"<": 1.0, ">=": 0.5, ">": 0.35, "==": 0.2},
    ">": {">=": 1.0, "<": 0.6, "<=": 0.35, "!=": 0.2, "==": 0.1},
    ">=": {">": 1.0, "<=": 0.5, "<": 0.35, "==": 0.2},
    "==": {"!=": 0.8, "<=": 0.5, ">=": 0.5, "<": 0.25, ">": 0.25},
    "!=": {"==": 0.8, "<": 0.4, ">": 0.4, "<=": 0.15, ">=": 0.15},
    "===": {"!==": 0.8, "<=": 0.5, ">=": 0.5, "<": 0.25, ">": 0.25, "==": 0.2},
    "!==": {"===": 0.8, "<": 0.4, ">": 0.4, "!=": 0.2},
    "+": {"-": 1.0, "*": 0.3},
    "-": {"+": 1.0, "*": 0.15, "/": 0.1},
    "*": {"/": 0.5, "+": 0.5, "**": 0.4, "-": 0.15},
    "/": {"//": 0.8, "*": 0.6, "%": 0.5},
    "//": {"/": 0.7, "%": 0.6, "*": 0.2},
    "%": {"//": 0.6, "/": 0.5, "*": 0.2},
    "**": {"*": 0.9},
    "&": {"|": 0.8, "^": 0.6, "&&": 0.3},
    "|": {"&": 0.8, "^": 0.5, "||": 0.3},
    "^": {"&": 0.8, "|": 0.6, "**": 0.3},
    "<<": {">>": 0.8},
    ">>": {"<<": 0.8},
    "+=": {"-=": 0.8, "=": 0.7, "*=": 0.3},
    "-=": {"+=": 0.8, "=": 0.5},
    "*=": {"+=": 0.6, "/=": 0.5, "=": 0.3},
    "/=": {"*=": 0.6, "//=": 0.6, "-=": 0.2},
    "//=": {"/=": 0.6, "-=": 0.2, "%=": 0.4},
    "%=": {"//=": 0.5, "/=": 0.5},
    "&=": {"|=": 0.8, "^=": 0.6},
    "|=": {"&=": 0.8, "^=": 0.5, "=": 0.4},
    "^=": {"&=": 0.8, "|=": 0.6},
    "<<=": {">>=": 0.8},
    ">>=": {"<<=": 0.8},
    "and": {"or": 1.0},
    "or": {"and": 1.0},
    "&&": {"||": 1.0},
    "||": {"&&": 1.0, "??": 0.5},
    "??": {"||": 0.7},
    "is": {"is not": 0.9, "==": 0.6},
    "is not": {"is": 0.9, "!=": 0.6},
    "in": {"not in": 0.9},
    "not in": {"in": 0.9},
    "..": {"...": 0.9, "..=": 0.9},
    "...": {"..": 0.9},
    "..=": {"..": 0.9},
    "++": {"--": 0.6},
    "--": {"++": 0.6},
    "-lt": {"-le": 1.0, "-gt": 0.6},
    "-le": {"-lt": 1.0, "-ge": 0.5},
    "-gt": {"-ge": 1.0, "-lt": 0.6},
    "-ge": {"-gt": 1.0, "-le": 0.5},
    "-eq": {"-ne": 0.8},
    "-ne": {"-eq": 0.8},
    "-z": {"-n": 0.8},
    "-n": {"-z": 0.8},
    "-f": {"-d": 0.6, "-e": 0.6},
    "-d": {"-f": 0.6, "-e": 0.6},
}

# Operators that only some languages have.
ONLY_IN: dict[str, tuple[str, ...]] = {
    "//": ("python",),
    "//=": ("python",),
    "**": ("python", "javascript", "typescript", "tsx", "ruby"),
    "===": ("javascript", "typescript", "tsx"),
    "!==": ("javascript", "typescript", "tsx"),
    "??": ("javascript", "typescript", "tsx"),
    "is": ("python",),
    "is not": ("python",),
    "in": ("python",),
    "not in": ("python",),
    "and": ("python", "ruby"),
    "or": ("python", "ruby"),
    "...": ("ruby",),
    "..=": ("rust",),
}

# Callees that people take for one another.
_FAMILIES = (
    "min max",
    "any all",
    "append extend insert add",
    "add discard remove",
    "startswith endswith",
    "startsWith endsWith includes",
    "starts_with ends_with",
    "start_with? end_with?",
    "HasPrefix HasSuffix Contains",
    "floor ceil round trunc",
    "push unshift concat",
    "pop shift",
    "pop popleft",
    "append appendleft",
    "first last",
    "front back",
    "push_front push_back",
    "pop_front pop_back",
    "pop popitem",
    "get pop setdefault",
    "lstrip rstrip strip",
    "trimStart trimEnd trim",
    "trim_start trim_end trim",
    "lower upper",
    "toLowerCase toUpperCase",
    "to_lowercase to_uppercase",
    "ToLower ToUpper",
    "downcase upcase",
    "find rfind index",
    "indexOf lastIndexOf",
    "findIndex findLastIndex",
    "split rsplit splitlines partition",
    "keys values items",
    "keys values entries",
    "some every",
    "any? all? none?",
    "map filter forEach flatMap find",
    "filter find",
    "map flat_map filter_map filter",
    "slice splice substring substr",
    "sort sorted reversed",
    "sort_by min_by max_by",
    "isdigit isnumeric isalpha isalnum",
    "isalpha isalnum",
    "islower isupper",
    "match search fullmatch findall",
    "union intersection difference",
    "update add",
    "int float round",
    "str repr",
    "range enumerate",
    "zip zip_longest",
    "bisect_left bisect_right bisect",
    "insort_left insort_right",
    "sin cos tan",
    "sqrt cbrt",
    "abs sign",
    "is_some is_none",
    "is_ok is_err",
    "unwrap_or unwrap_or_default",
    "take skip",
    "take_while skip_while map_while",
    "iter iter_mut into_iter",
    "chars bytes",
    "lower_bound upper_bound",
    "begin rbegin",
    "end rend",
    "select reject",
    "each map select",
    "to_i to_f",
    "size capacity",
    "put putIfAbsent",
    "get getOrDefault",
    "hasNext hasPrevious",
    "next previous",
    "addFirst addLast",
    "removeFirst removeLast",
    "getFirst getLast",
    "parseInt parseFloat",
    "padStart padEnd",
    "ljust rjust center",
    "reduce reduceRight",
    "rotate_left rotate_right",
    "checked_add checked_sub saturating_add saturating_sub wrapping_add",
    "setUTCHours setHours",
    "test exec",
    "acquire release",
    "read readline readlines",
    "write writelines",
    "head tail",
    "left right",
)


def _pairs() -> Choices:
    choices: Choices = {}
    for family in _FAMILIES:
        members = family.split()
        for member in members:
            others = [other for other in members if other != member]
            for rank, other in enumerate(others):
                weight = 1.0 / (1 + 0.4 * rank)
                entry = choices.setdefault(member, {})
                entry[other] = max(entry.get(other, 0.0), weight)
    return choices


CALLEES: Choices = _pairs()
