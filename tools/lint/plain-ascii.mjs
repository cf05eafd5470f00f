const outside = /[^\x20-\x7e\n\r\t]/gu;

/** Sources are plain ASCII: what is printed comes from them, and a look-alike or an invisible character is never wanted. */
export const plainAscii = {
  meta: { type: 'problem', schema: [], messages: { found: 'Not plain ASCII: U+{{ code }}. Write it as an escape.' } },
  create(context) {
    return {
      Program() {
        const { sourceCode } = context;
        for (const { 0: character, index } of sourceCode.text.matchAll(outside)) {
          const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
          context.report({ loc: sourceCode.getLocFromIndex(index), messageId: 'found', data: { code } });
        }
      },
    };
  },
};
