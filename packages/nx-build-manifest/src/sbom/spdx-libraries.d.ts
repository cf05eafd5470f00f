/** The parts that are used of two libraries that come without types. */
declare module 'spdx-expression-parse' {
  export type Info =
    | { readonly license: string; readonly plus?: true; readonly exception?: string }
    | { readonly licenseRef: string; readonly documentRef?: string }
    | { readonly conjunction: 'and' | 'or'; readonly left: Info; readonly right: Info };
  /** @throws Error when the text is no SPDX expression */
  export default function parse(expression: string): Info;
}

declare module 'spdx-satisfies' {
  export default function satisfies(expression: string, licenses: readonly string[]): boolean;
}
