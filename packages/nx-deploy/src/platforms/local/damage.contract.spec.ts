import { describeDamage, describeDamageAtStart } from '../contract/faults/damage.js';
import { describeWaiting } from '../contract/faults/waiting.js';
import { localSubject } from './subject.spec-support.js';

/** The ledger comes last, for its chain stays broken. */
const FILES = ['journal', 'service record', 'instances', 'sealed configuration', 'release record', 'key', 'ledger head', 'ledger segment'];

describeDamage(localSubject(), FILES);
describeDamageAtStart(localSubject(), FILES);
describeWaiting(localSubject());
