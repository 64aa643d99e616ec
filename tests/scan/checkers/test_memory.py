"""The memory checker tells what surely happens, and is silent about what only may."""

from tests.scan.engines import make_engine

HEAD = "#include <stdlib.h>\n#include <string.h>\n#include <stdio.h>\n"


def told(code: str, ending: str = "c") -> list[tuple[str, int]]:
    """The rules that hold, with the lines below the includes."""
    report = make_engine(lambda _path: None).scan_file(f"a.{ending}", (HEAD + code).encode())
    return [(one.rule, one.line - 3) for one in report.weaknesses]


def test_sizes_go_through_variables_pointers_and_structs() -> None:
    """A copy of the whole struct into its first field is one byte too many."""
    code = """\
    typedef struct { char first[16]; void *second; } pair;
    void f(void) {
      pair p;
      char *to = p.first;
      memcpy(to, "0123456789abcdef", sizeof(pair));
      memset(p.first, 'a', sizeof(p.first));
    }"""
    assert ("c.buffer-overflow", 5) in told(code)
    assert ("c.buffer-overflow", 6) not in told(code)


def test_text_lengths_are_followed() -> None:
    """What `strcpy` writes is as long as the text and its end."""
    code = """\
    void f(void) {
      char from[100], small[50], large[100];
      memset(from, 'A', 100 - 1);
      from[100 - 1] = 0;
      strcpy(large, from);
      strcpy(small, from);
      strncpy(large, from, strlen(from) + 1);
      strcat(large, from);
    }"""
    assert told(code) == [("c.buffer-overflow", 6), ("c.buffer-overflow", 8)]


def test_functions_of_the_file_are_followed() -> None:
    """A pointer that is given on, also through a pointer to a function."""
    code = """\
    static void fill(char *to) { memset(to, 'a', 20); }
    void f(void) { char to[10]; fill(to); }
    void g(void) { char to[20]; void (*pointed)(char *) = fill; pointed(to); }"""
    assert told(code) == [("c.buffer-overflow", 1)]


def test_unknown_tests_turn_out_the_same_way_on_one_path() -> None:
    """Two branches on one unknown name belong together."""
    good = """\
    extern int flag;
    void f(void) {
      char *p = malloc(10);
      if (flag == 5) { free(p); }
      if (flag != 5) { free(p); }
    }"""
    assert told(good) == []
    assert ("c.double-free", 5) in told(good.replace("!=", "=="))


def test_what_is_not_known_is_not_told() -> None:
    """Unknown lengths, parameters and results of other files are never wrong."""
    code = """\
    int length(void);
    void f(char *to, int n, const char *from) {
      char own[10];
      memcpy(own, from, n);
      own[length()] = 0;
      to[n] = 1;
      strcpy(own, from);
      for (int i = 0; i < n; i++) { own[i] = 0; }
    }"""
    assert told(code) == []


def test_loops_that_may_end_early_do_not_reach_their_bound() -> None:
    """A loop with a `break` is not sure to run to its end."""
    code = """\
    void f(const char *from) {
      char to[10];
      memset(to, 0, sizeof(to));
      for (int i = 0; i < 20; i++) {
        if (from[i] == 0) break;
        to[i] = from[i];
      }
    }"""
    assert told(code) == []
    assert told(code.replace("if (from[i] == 0) break;", "")) == [("c.buffer-overflow", 6)]


def test_freed_in_a_branch_that_returns_is_not_freed_behind_it() -> None:
    """The usual way out on errors, with `goto` too."""
    code = """\
    int f(int n) {
      char *p = malloc(10);
      if (n == 1) { free(p); return 1; }
      if (n == 2) { goto out; }
      do { if (n == 3) break; free(p); return 0; } while (0);
    out:
      free(p);
      return 2;
    }"""
    assert told(code) == []


def test_new_and_delete() -> None:
    """C++ storage."""
    code = """\
    void f() {
      int *p = new int[5];
      p[5] = 1;
      delete[] p;
      p[0] = 1;
    }"""
    assert told(code, "cpp") == [("c.buffer-overflow", 3), ("c.use-after-free", 5)]


def test_large_functions_end_in_time() -> None:
    """Thousands of branches use up the budget, and nothing breaks."""
    body = "".join(f"if (g({i})) {{ a[{i % 10}] = {i}; }}\n" for i in range(3000))
    assert told(f"int g(int); void f(void) {{ char a[10]; memset(a, 0, 10); {body} }}") == []


def test_a_goto_forward_is_followed_to_its_label() -> None:
    """What was freed before `goto fail` is freed again behind the label."""
    code = """\
    int f(int n, int bad) {
      char *b = malloc(n);
      if (bad) {
        free(b);
        goto fail;
      }
      free(b);
      return 0;
    fail:
      free(b);
      return 1;
    }"""
    assert told(code) == [("c.double-free", 10)]
    assert told(code.replace("        free(b);\n        goto", "        goto")) == []


def test_arguments_of_the_program_have_any_length_until_they_are_measured() -> None:
    """A copy into an array of fixed size overflows, unless the length was asked for."""
    code = """\
    int main(int argc, char **argv) {
      char name[16];
      strcpy(name, argv[1]);
      return 0;
    }"""
    assert told(code) == [("c.buffer-overflow", 3)]
    measured = "if (strlen(argv[1]) > 15) return 1;\n      strcpy"
    assert told(code.replace("strcpy", measured)) == []


def test_a_reader_may_fill_all_the_room() -> None:
    """The end behind what `recv` wrote needs a byte of its own."""
    code = """\
    void f(int fd) {
      char text[8];
      int n = recv(fd, text, sizeof text, 0);
      text[n] = 0;
    }"""
    assert told(code) == [("c.unchecked-index", 4)]
    assert told(code.replace("sizeof text", "sizeof text - 1")) == []


def test_a_parameter_is_not_used_after_it_was_freed() -> None:
    """Nobody knows what it points at, but it is gone; a new value makes it good again."""
    code = "void f(char *p) {\n  free(p);\n  puts(p);\n}"
    assert told(code) == [("c.use-after-free", 3)]
    assert told(code.replace("puts", 'p = "x";\n  puts')) == []


def test_lengths_nobody_knows_are_compared_with_themselves() -> None:
    """A text and its end need one byte more than `strlen` says, whatever that is."""
    code = """\
    char *twin(const char *text, size_t n) {
      size_t length = strlen(text);
      char *copy = malloc(length%s);
      if (copy == NULL) return NULL;
      strcpy(copy, text);
      return copy;
    }"""
    assert told(code % "") == [("c.buffer-overflow", 5)]
    assert told(code % " + 1") == []
    loop = """\
    void fill(int *to, int n) {
      int *own = malloc(n * sizeof(int));
      if (!own) return;
      for (int i = 0; i %s n; i++) own[i] = to[i];
      free(own);
    }"""
    assert told(loop % "<=") == [("c.buffer-overflow", 4)]
    assert told(loop % "<") == []


def test_members_of_what_a_parameter_points_at_are_followed() -> None:
    """Through functions of the file, until code that nobody knows has run."""
    code = """\
    struct box { char *text; };
    static void drop(struct box *b) { free(b->text); }
    void other(struct box *b);
    void f(struct box *b) { drop(b); puts(b->text); }
    void g(struct box *b) { drop(b); other(b); puts(b->text); }
    void h(struct box *b) { drop(b); b->text = NULL; drop(b); }"""
    assert told(code) == [("c.use-after-free", 4)]


def test_both_outcomes_of_an_allocation_are_tried() -> None:
    """The way out where a second allocation fails loses the first one."""
    code = """\
    int f(void) {
      char *a = malloc(10);
      if (!a) return 1;
      char *b = malloc(10);
      if (!b) { %s return 2; }
      free(b);
      free(a);
      return 0;
    }"""
    assert told(code % "") == [("c.memory-leak", 5)]
    assert told(code % "free(a);") == []


def test_a_test_on_the_way_makes_null_uncertain() -> None:
    """What stands behind `&&`, or behind a test that nobody knows, may never see the null."""
    code = """\
    struct job { int id; };
    int f(struct job *other, int n) {
      struct job *job = NULL;
      if (n > 2) job = other;
      return job != NULL && job->id == n;
    }
    int g(void) { struct job *job = NULL; return job->id; }"""
    assert told(code) == [("c.null-dereference", 7)]


def test_what_was_not_made_on_the_heap_is_not_freed() -> None:
    """Nor by the counterpart of something else."""
    code = """\
    void f(void) { int *a = new int[4]; free(a); }
    void g(void) { char a[4]; char *b = a; free(b); }
    void h(void) { int *a = new int[4]; delete[] a; }
    char *local(void) { char a[4]; return a; }"""
    assert told(code, "cpp") == [
        ("c.mismatched-free", 1),
        ("c.mismatched-free", 2),
        ("c.returned-local", 4),
    ]


def test_a_variable_that_reads_like_a_function_is_one() -> None:
    """`T name(value);` constructs where `value` is a variable."""
    code = """\
    #include <fstream>
    void serve(int client) {
      char name[100];
      if (recv(client, name, 99, 0) < 1) return;
      std::string path = std::string("/srv/") + name;
      std::ofstream out(path);
    }"""
    assert ("c.path-traversal", 6) in told(code, "cpp")
