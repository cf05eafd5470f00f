import { connect } from 'node:net';
import { attempt, type AttemptOptions } from './attempt.js';
import { describeError, type CheckResult } from './result.js';

export interface TcpCheck extends AttemptOptions {
  readonly host: string;
  readonly port: number;
}

/** Healthy when the port accepts a connection, which is closed at once. Rejects only on a port that cannot be one (RangeError). */
export async function checkTcp(check: TcpCheck): Promise<CheckResult> {
  return attempt(check, (settle) => {
    const socket = connect({ host: check.host, port: check.port });
    socket.once('connect', () => { settle('healthy'); });
    socket.on('error', (error) => { settle('unhealthy', describeError(error)); });
    return () => { socket.destroy(); };
  }, () => 'no connection');
}
