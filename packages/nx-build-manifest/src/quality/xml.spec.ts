import { MOST_DEPTH, readXml } from './xml.js';

function events(text: string): string[] {
  const seen: string[] = [];
  readXml(text, {
    open: ({ name, attributes }, depth) => seen.push(`${depth}<${name}${[...attributes].map(([key, value]) => ` ${key}=${value}`).join('')}`),
    close: (name) => seen.push(`>${name}`),
  });
  return seen;
}

describe('readXml', () => {
  it('tells of elements and attributes, whatever stands between them', () => {
    expect(events(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE coverage SYSTEM "http://example.org/coverage-04.dtd">
<!-- <no> --><a b = "1 &lt; 2 &#x41;&#66;" c='"'><![CDATA[<x>]]> text &amp; <d/><ns:e.f-1 ></ns:e.f-1></a ><!-- end -->
`)).toEqual(['0<a b=1 < 2 AB c="', '1<d', '>d', '1<ns:e.f-1', '>ns:e.f-1', '>a']);
  });

  it.each([
    ['<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]><lolz>&lol2;</lolz>', 'line 1: a document type with declarations of its own is not read'],
    ['<a>&lol;</a>', 'an entity other than'],
    ['<a b="&xxe;"/>', 'an entity other than'],
    ['<a b="&#x110000;"/>', 'a character reference is out of range'],
    ['<a>\n<b></a>', 'line 2: b must end before a does'],
    ['<a>', 'the text ends within a'],
    ['</a>', 'a ends but never began'],
    ['', 'there is no element'],
    ['{"json": true}', 'text stands outside of the root element'],
    ['<a/><b/>', 'there is more than one root element'],
    ['<a/>text', 'text stands outside'],
    ['<a b=1/>', 'the value of attribute b must be quoted'],
    ['<a b/>', 'attribute b has no value'],
    ['<a b="1"c="2"/>', 'attributes must be apart'],
    ['<a b="1" b="2"/>', 'attribute b stands twice'],
    ['<a b="<"/>', 'must not hold "<"'],
    ['<a b="', 'the value of attribute b has no end'],
    ['<a ', 'a name is missing'],
    ['< a/>', 'a name is missing'],
    ['<a></a', 'the end of a is not closed'],
    ['<!-- ', 'a comment has no end'],
    ['<?xml version="1.0" encoding="ISO-8859-1"?><a/>', 'the encoding ISO-8859-1 is not read'],
    [`<a ${Array.from({ length: 201 }, (_, index) => `b${index}=""`).join(' ')}/>`, 'more than 200 attributes'],
    ['<a>'.repeat(MOST_DEPTH + 1), `more than ${MOST_DEPTH} deep`],
  ])('refuses %j', (text, message) => {
    expect(() => events(text)).toThrow(message);
  });

  it('reads a large report in one pass', () => {
    const text = `<r>${'<t a="1">x</t>'.repeat(200_000)}</r>`;
    const started = process.cpuUsage();
    let count = 0;
    readXml(text, { open: () => { count += 1; } });
    expect(count).toBe(200_001);
    expect(process.cpuUsage(started).user / 1_000).toBeLessThan(10_000);
  });
});
