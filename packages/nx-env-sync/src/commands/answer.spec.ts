import { printAnswer } from './answer.js';

let printed = '';
beforeEach(() => {
  printed = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => jest.restoreAllMocks());

describe('printAnswer', () => {
  it('says what the system refused, and where', async () => {
    const refusal = (more: object) => async (): Promise<never> => {
      throw Object.assign(new Error('planted'), more);
    };
    expect(await printAnswer(false, refusal({ code: 'ENOSPC', path: '/full' }))).toEqual({ success: false });
    expect(printed).toBe('error: the system refused what had to be done: ENOSPC\n  where: /full\n  next: see that the disk has room and that the folder may be written to\n');
    printed = '';
    expect(await printAnswer(true, refusal({ code: 'EIO' }))).toEqual({ success: false });
    expect(JSON.parse(printed)).toMatchObject({ success: false, error: { kind: 'failed', what: 'the system refused what had to be done: EIO' } });
  });

  it('hides no mistake of its own', async () => {
    for (const thrown of [new TypeError('ours'), 'ours', { code: 'ERR_INVALID' }]) {
      await expect(printAnswer(false, async () => { throw thrown; })).rejects.toBe(thrown);
    }
  });
});
