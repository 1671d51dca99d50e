/** How iproute2 refuses: words on standard error and an exit code. */

export interface Refusal {
  readonly text: string;
  readonly status: number;
}
export const refuse = (text: string, status: number): Refusal => ({ text, status });
/** The kernel's errno, as libnetlink words it. */
export const kernelSays = (text: string): Refusal => refuse(`RTNETLINK answers: ${text}`, 2);
/** iproute2's invarg(). */
export const wrong = (argument: string, why: string): Refusal => refuse(`Error: argument "${argument}" is wrong: ${why}`, 255);
