/** Questions about who reaches whom, and their answers: plain, structured-cloneable data. */

import type { Diagnostic } from '../../base/diagnostic.ts';
import type { ObjectKey } from '../../base/origin.ts';
import type { OpenConnectionsOf } from '../../kube/policy/enforcement.ts';
import type { PolicyProtocol, PolicyVerdict } from '../../kube/policy/policy-types.ts';
import type { HopView, Phrase } from '../views.ts';

export type ProbeProtocol = 'TCP' | 'UDP' | 'ICMP';

/** One real attempt: a program in a netns that tries one port of one address or name (0 for ICMP). */
export interface ProbeSpec {
  readonly from: string;
  readonly protocol: ProbeProtocol;
  readonly target: string;
  readonly port: number;
}

/**
 * `open`: somebody answered (UDP: a socket took it). `refused`: the sender was told no. `dropped`: the sender was told nothing.
 * `unresolved`: the name leads nowhere. `unsent`: the sender does not run.
 */
export type ProbeOutcome = 'open' | 'refused' | 'dropped' | 'unresolved' | 'unsent';

export interface ProbeResult {
  readonly spec: ProbeSpec;
  readonly outcome: ProbeOutcome;
  /** Netns id of who took the first packet. */
  readonly answeredBy?: string;
  /** What the program itself said, as `nc -v` or `ping` print it; at most 200 characters. */
  readonly said: string;
  /** Where it ended, with words; absent when it is open. */
  readonly failing?: HopView;
  /** The packet that died was an answer on its way back. */
  readonly onTheWayBack: boolean;
  /** Every hop of the attempt, where they were asked for; their numbers are not those of the log. */
  readonly hops?: readonly HopView[];
}

/** `pod/NAMESPACE/NAME`, `service/NAMESPACE/NAME`, `host/NAME`, or an address or name as a person types it. */
export type ReachEnd = string;

export interface ReachQuestion {
  readonly from: ReachEnd;
  readonly to: ReachEnd;
  /** Absent: every port that the target offers. */
  readonly port?: number;
  readonly protocol?: ProbeProtocol;
}

export interface ReachRow {
  readonly direction: 'there' | 'back';
  /** `by name`, `its ClusterIP`, `endpoint web-1` */
  readonly about: string;
  readonly result: ProbeResult;
}

/** A change that would help. Each was tried in a copy of the world, and there it opened the way. */
export interface Fix {
  /** `Set targetPort of web-service to 80` */
  readonly title: string;
  /** Why this one: what was compared with what. */
  readonly because: string;
  /** The whole text of a file as it is (null: there is none yet) and as it would be. */
  readonly edit?: { readonly file: string; readonly before: string | null; readonly after: string };
  /** What a person would type on machines, where no text is to blame. */
  readonly commands?: readonly { readonly host: string; readonly line: string }[];
}

/** What NetworkPolicies and their kin say of a pair of pods, as they are asked. */
export interface PolicyAnswer {
  readonly from: string;
  readonly to: string;
  readonly protocol: PolicyProtocol;
  readonly port: number;
  readonly verdict: PolicyVerdict;
}

export interface ReachAnswer {
  readonly question: ReachQuestion;
  /** The first way a person would try is open. */
  readonly reached: boolean;
  /** One to three sentences. */
  readonly conclusion: readonly Phrase[];
  readonly rows: readonly ReachRow[];
  /** Absent where there are no policies. */
  readonly policy?: PolicyAnswer;
}

/** One port between two groups: how many of the ordered pairs of pods may use it. */
export interface PolicyLensWay {
  /** `80/TCP` */
  readonly port: string;
  readonly open: number;
  readonly pairs: number;
}
/** Indexes of groups. */
export interface PolicyLensEdge {
  readonly from: number;
  readonly to: number;
  readonly ways: readonly PolicyLensWay[];
}
export interface PolicyLensGroup {
  readonly id: string;
  readonly title: string;
  readonly namespace: string;
  /** Netns ids. */
  readonly pods: readonly string[];
  /** The first of them, as a question names it. */
  readonly first: ReachEnd;
  /** A namespace with several groups, which can be shown in its place; or one of these groups. */
  readonly opens?: 'closed' | 'open';
}
/** What the policies say, whether or not somebody enforces them. */
export interface PolicyLensView {
  /** Who enforces what. */
  readonly sentence: string;
  readonly enforced: boolean;
  /** What becomes of open connections when policies change; empty where nobody enforces. */
  readonly openConnections: readonly OpenConnectionsOf[];
  readonly policies: number;
  /** Policies in the words of a CNI that is not there. */
  readonly dialects: number;
  readonly by: 'label' | 'namespace';
  readonly groups: readonly PolicyLensGroup[];
  readonly edges: readonly PolicyLensEdge[];
  /** Groups left out. */
  readonly beyond: number;
}

/** A line or column of a matrix. */
export interface ReachPeer {
  readonly end: ReachEnd;
  /** Netns it sends from; '' for a Service, which only receives. */
  readonly netns: string;
  readonly title: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Where it is tried, '' where it cannot be. */
  readonly ip: string;
  /** Ports that it offers, `80/TCP`. */
  readonly ports: readonly string[];
}

/** A `kind: Expectation` and whether it holds. */
export interface ExpectationResult {
  readonly key: ObjectKey;
  readonly title: string;
  readonly pass: boolean;
  /** `pod/default/client → service/default/web TCP 80` */
  readonly what: string;
  readonly expected: string;
  /** `open`, or what came instead with the first pair for which it did. */
  readonly found: string;
  /** Pairs that were tried. */
  readonly pairs: number;
  readonly failing?: ProbeResult;
  readonly problem?: Diagnostic['message'];
}
