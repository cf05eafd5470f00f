import { createRequire } from 'node:module';
import type { Ms } from '../model/index.js';
import type { Channel, EmailTarget } from './channel.js';
import { subjectOf } from './template.js';

/** What is used of nodemailer 10. */
interface Nodemailer {
  createTransport(options: object): { sendMail(message: object): Promise<unknown>; close(): void };
}

/** By SMTP. nodemailer is loaded when the first mail is sent, from where the workspace has it: it is no part of this package. */
export function emailChannel(target: EmailTarget, timeout: Ms): Channel {
  return {
    async send(notice, text, signal) {
      const { host, port, security, user, password, from, to, module } = target;
      const nodemailer = createRequire(module)(module) as Nodemailer;
      const transport = nodemailer.createTransport({
        host, port, secure: security === 'tls', requireTLS: security === 'starttls', ignoreTLS: security === 'none',
        ...(user === undefined ? {} : { auth: { user, pass: password ?? '' } }),
        connectionTimeout: timeout, greetingTimeout: timeout, socketTimeout: timeout, dnsTimeout: timeout,
        // The message is text that is given here: nothing is read from files or addresses for it.
        disableFileAccess: true, disableUrlAccess: true,
      });
      const close = (): void => transport.close();
      signal.addEventListener('abort', close, { once: true });
      try {
        await Promise.race([
          transport.sendMail({ from, to, subject: subjectOf(notice), text: `${text}\n\n${details(notice)}\n`, messageId: `<${notice.id}@nx-deploy.invalid>` }),
          new Promise((_resolve, reject) => { signal.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true }); }),
        ]);
      } finally {
        signal.removeEventListener('abort', close);
        close();
      }
    },
  };
}

function details(notice: object): string {
  return Object.entries(notice).map(([key, value]) => `${key}: ${String(value)}`).join('\n');
}
