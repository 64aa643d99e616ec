"""Node kinds of all grammars, grouped by what edits do with them.

Knows the words of the grammars, not trees. Guards one list a role, shared by every edit.
"""

BLOCKS = {
    "block",
    "module",
    "statement_block",
    "program",
    "statement_list",
    "constructor_body",
    "compound_statement",
    "body_statement",
    "block_body",
    "then",
    "do_group",
    "source_file",
    "translation_unit",
    "do",
}
CALLS = {"call", "call_expression", "method_invocation", "new_expression"}
ARGUMENTS = {"argument_list", "arguments"}
CONTAINERS = {
    "argument_list",
    "arguments",
    "tuple",
    "list",
    "array",
    "array_expression",
    "tuple_expression",
    "expression_list",
}
BINARIES = {"binary_expression", "binary_operator", "boolean_operator", "binary"}
COMPARISONS = {"comparison_operator", *BINARIES}
NEGATIONS = {"not_operator", "unary_expression", "unary"}
INTEGERS = {
    "integer",
    "number",
    "integer_literal",
    "int_literal",
    "decimal_integer_literal",
    "number_literal",
}
STRINGS = {"string", "string_literal", "interpreted_string_literal"}
SUBSCRIPTS = {
    "subscript",
    "subscript_expression",
    "index_expression",
    "element_reference",
    "array_access",
    "slice",
    "slice_expression",
    "range",
    "range_expression",
    "subscript_argument_list",
}
MEMBERS = {
    "attribute": "attribute",
    "member_expression": "property",
    "field_expression": "field",
    "field_access": "field",
    "selector_expression": "field",
}
RETURNS = {"return_statement", "return_expression", "return"}
ASSIGNMENTS = {
    "assignment",
    "augmented_assignment",
    "assignment_expression",
    "augmented_assignment_expression",
    "compound_assignment_expr",
    "assignment_statement",
    "short_var_declaration",
    "operator_assignment",
    "init_declarator",
    "variable_declarator",
    "let_declaration",
}
LITERALS = {
    *INTEGERS,
    *STRINGS,
    "float",
    "true",
    "false",
    "none",
    "null",
    "nil",
    "boolean_literal",
    "float_literal",
}
# Kinds of expression that may stand in for another.
OPERANDS = {
    *BINARIES,
    *CALLS,
    *MEMBERS,
    "comparison_operator",
    "subscript",
    "subscript_expression",
    "index_expression",
    "element_reference",
    "array_access",
    "not_operator",
    "unary_operator",
    "instance_variable",
}
LOOPS = {
    "for_statement",
    "while_statement",
    "for_in_statement",
    "for_expression",
    "while_expression",
    "loop_expression",
    "for_range_loop",
    "enhanced_for_statement",
    "while",
    "for",
    "until",
}
JUMPS = {
    "break_statement": "continue",
    "continue_statement": "break",
    "break_expression": "continue",
    "continue_expression": "break",
    "break": "next",
    "next": "break",
}
