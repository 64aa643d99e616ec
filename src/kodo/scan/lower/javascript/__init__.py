"""JavaScript and TypeScript, with and without JSX, to the intermediate representation."""
