/** Loaded into each file of tests that sends load: what a failed test left running ends with its file. */
import { endLoads } from './launch.js';

afterAll(() => endLoads());
