/** What a netns' kernel counts: the SNMP counters of /proc/net/snmp and /proc/net/netstat, as `nstat` and `netstat -s` show them. Linux: net/ipv4/proc.c */

const IP =
  'Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards ' +
  'OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates OutTransmits';
const ICMP =
  'InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects InEchos InEchoReps InTimestamps InTimestampReps ' +
  'InAddrMasks InAddrMaskReps OutMsgs OutErrors OutRateLimitGlobal OutRateLimitHost OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs ' +
  'OutRedirects OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps';
const TCP =
  'RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts ' + 'InCsumErrors';
const UDP = 'InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors';
const UDP_LITE = 'InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors';
const TCP_EXT =
  'SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts PruneCalled RcvPruned OfoPruned OutOfWindowIcmps LockDroppedIcmps ArpFilter TW ' +
  'TWRecycled TWKilled PAWSActive PAWSEstab BeyondWindow TSEcrRejected PAWSOldAck PAWSTimewait DelayedACKs DelayedACKLocked DelayedACKLost ' +
  'ListenOverflows ListenDrops TCPHPHits TCPPureAcks TCPHPAcks TCPRenoRecovery TCPSackRecovery TCPSACKReneging TCPSACKReorder TCPRenoReorder ' +
  'TCPTSReorder TCPFullUndo TCPPartialUndo TCPDSACKUndo TCPLossUndo TCPLostRetransmit TCPRenoFailures TCPSackFailures TCPLossFailures ' +
  'TCPFastRetrans TCPSlowStartRetrans TCPTimeouts TCPLossProbes TCPLossProbeRecovery TCPRenoRecoveryFail TCPSackRecoveryFail TCPRcvCollapsed ' +
  'TCPBacklogCoalesce TCPDSACKOldSent TCPDSACKOfoSent TCPDSACKRecv TCPDSACKOfoRecv TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory ' +
  'TCPAbortOnTimeout TCPAbortOnLinger TCPAbortFailed TCPMemoryPressures TCPMemoryPressuresChrono TCPSACKDiscard TCPDSACKIgnoredOld ' +
  'TCPDSACKIgnoredNoUndo TCPSpuriousRTOs TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure TCPSackShifted TCPSackMerged TCPSackShiftFallback ' +
  'TCPBacklogDrop PFMemallocDrop TCPMinTTLDrop TCPDeferAcceptDrop IPReversePathFilter TCPTimeWaitOverflow TCPReqQFullDoCookies TCPReqQFullDrop ' +
  'TCPRetransFail TCPRcvCoalesce TCPOFOQueue TCPOFODrop TCPOFOMerge TCPChallengeACK TCPSYNChallenge TCPFastOpenActive TCPFastOpenActiveFail ' +
  'TCPFastOpenPassive TCPFastOpenPassiveFail TCPFastOpenListenOverflow TCPFastOpenCookieReqd TCPFastOpenBlackhole TCPSpuriousRtxHostQueues ' +
  'BusyPollRxPackets TCPAutoCorking TCPFromZeroWindowAdv TCPToZeroWindowAdv TCPWantZeroWindowAdv TCPSynRetrans TCPOrigDataSent ' +
  'TCPHystartTrainDetect TCPHystartTrainCwnd TCPHystartDelayDetect TCPHystartDelayCwnd TCPACKSkippedSynRecv TCPACKSkippedPAWS TCPACKSkippedSeq ' +
  'TCPACKSkippedFinWait2 TCPACKSkippedTimeWait TCPACKSkippedChallenge TCPWinProbe TCPKeepAlive TCPMTUPFail TCPMTUPSuccess TCPDelivered ' +
  'TCPDeliveredCE TCPAckCompressed TCPZeroWindowDrop TCPRcvQDrop TCPWqueueTooBig TCPFastOpenPassiveAltKey TcpTimeoutRehash ' +
  'TcpDuplicateDataRehash TCPDSACKRecvSegs TCPDSACKIgnoredDubious TCPMigrateReqSuccess TCPMigrateReqFailure TCPPLBRehash TCPAORequired TCPAOBad ' +
  'TCPAOKeyNotFound TCPAOGood TCPAODroppedIcmps';
const IP_EXT =
  'InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts InBcastPkts OutBcastPkts InOctets OutOctets InMcastOctets OutMcastOctets InBcastOctets ' +
  'OutBcastOctets InCsumErrors InNoECTPkts InECT1Pkts InECT0Pkts InCEPkts ReasmOverlaps';

/** The tables in the order of the files, with their counters as the kernel names them. */
export const MIB_TABLES = {
  Ip: IP.split(' '),
  Icmp: ICMP.split(' '),
  Tcp: TCP.split(' '),
  Udp: UDP.split(' '),
  UdpLite: UDP_LITE.split(' '),
  TcpExt: TCP_EXT.split(' '),
  IpExt: IP_EXT.split(' '),
} as const;
export type MibTable = keyof typeof MIB_TABLES;

/** Counters that something here moves; a name is its table's followed by the counter's, as `nstat` writes it. */
const COUNTED = [
  'IpInReceives',
  'IpInHdrErrors',
  'IpInAddrErrors',
  'IpForwDatagrams',
  'IpInUnknownProtos',
  'IpInDiscards',
  'IpInDelivers',
  'IpOutRequests',
  'IpOutNoRoutes',
  'IpOutTransmits',
  'IpFragOKs',
  'IpFragCreates',
  'IpFragFails',
  'IpReasmReqds',
  'IpReasmOKs',
  'IpReasmFails',
  'IcmpInMsgs',
  'IcmpInDestUnreachs',
  'IcmpInTimeExcds',
  'IcmpInEchos',
  'IcmpInEchoReps',
  'IcmpOutMsgs',
  'IcmpOutDestUnreachs',
  'IcmpOutTimeExcds',
  'IcmpOutEchos',
  'IcmpOutEchoReps',
  'TcpActiveOpens',
  'TcpPassiveOpens',
  'TcpAttemptFails',
  'TcpEstabResets',
  'TcpInSegs',
  'TcpOutSegs',
  'TcpRetransSegs',
  'TcpInErrs',
  'TcpInCsumErrors',
  'TcpOutRsts',
  'UdpInDatagrams',
  'UdpNoPorts',
  'UdpInErrors',
  'UdpInCsumErrors',
  'UdpRcvbufErrors',
  'UdpOutDatagrams',
  'TcpExtSyncookiesSent',
  'TcpExtSyncookiesRecv',
  'TcpExtSyncookiesFailed',
  'TcpExtEmbryonicRsts',
  'TcpExtTW',
  'TcpExtTWRecycled',
  'TcpExtPAWSEstab',
  'TcpExtDelayedACKs',
  'TcpExtListenOverflows',
  'TcpExtListenDrops',
  'TcpExtTCPPureAcks',
  'TcpExtTCPSackRecovery',
  'TcpExtTCPRenoRecovery',
  'TcpExtTCPFastRetrans',
  'TcpExtTCPTimeouts',
  'TcpExtTCPLossProbes',
  'TcpExtTCPDSACKOldSent',
  'TcpExtTCPDSACKOfoSent',
  'TcpExtTCPDSACKRecv',
  'TcpExtTCPAbortOnData',
  'TcpExtTCPAbortOnClose',
  'TcpExtTCPAbortOnTimeout',
  'TcpExtTCPReqQFullDoCookies',
  'TcpExtTCPReqQFullDrop',
  'TcpExtTCPOFOQueue',
  'TcpExtTCPOFODrop',
  'TcpExtTCPChallengeACK',
  'TcpExtTCPSYNChallenge',
  'TcpExtTCPFromZeroWindowAdv',
  'TcpExtTCPToZeroWindowAdv',
  'TcpExtTCPSynRetrans',
  'TcpExtTCPOrigDataSent',
  'TcpExtTCPACKSkippedSeq',
  'TcpExtTCPACKSkippedPAWS',
  'TcpExtTCPWinProbe',
  'TcpExtTCPKeepAlive',
  'TcpExtTCPDelivered',
  'IpExtInOctets',
  'IpExtOutOctets',
  'IpExtInNoECTPkts',
  'TcpExtIPReversePathFilter',
] as const;
export type MibName = (typeof COUNTED)[number];

const INDEX: Readonly<Record<string, number>> = Object.fromEntries(COUNTED.map((name, index) => [name, index]));
/** Places of counters that every packet moves. */
export const IP_IN_RECEIVES = COUNTED.indexOf('IpInReceives');
export const IP_IN_DELIVERS = COUNTED.indexOf('IpInDelivers');
export const IP_FORWARDED = COUNTED.indexOf('IpForwDatagrams');
export const IP_OUT_REQUESTS = COUNTED.indexOf('IpOutRequests');
export const IP_OUT_TRANSMITS = COUNTED.indexOf('IpOutTransmits');
export const IP_IN_OCTETS = COUNTED.indexOf('IpExtInOctets');
export const IP_OUT_OCTETS = COUNTED.indexOf('IpExtOutOctets');

/** Minus one for Tcp MaxConn; the time-outs and the algorithm are the kernel's own. */
const FIXED: Readonly<Record<string, number>> = { TcpRtoAlgorithm: 1, TcpRtoMin: 200, TcpRtoMax: 120000, TcpMaxConn: -1 };

/** The counters of one netns; most of a thousand pods never count anything. */
export class Mib {
  #counts: Float64Array | undefined;

  count(name: MibName, by = 1): void {
    this.#counts ??= new Float64Array(COUNTED.length);
    const index = INDEX[name] as number;
    this.#counts[index] = (this.#counts[index] as number) + by;
  }

  /** By place. */
  add(index: number, by: number): void {
    this.#counts ??= new Float64Array(COUNTED.length);
    this.#counts[index] = (this.#counts[index] as number) + by;
  }

  /** Of any counter of the tables; 0 where nothing here moves it. */
  get(name: string): number {
    if (Object.hasOwn(FIXED, name)) return FIXED[name] as number;
    return Object.hasOwn(INDEX, name) ? (this.#counts?.[INDEX[name] as number] ?? 0) : 0;
  }

  get isFresh(): boolean {
    return this.#counts === undefined;
  }

  save(): Float64Array | undefined {
    return this.#counts?.slice();
  }

  load(saved: Float64Array | undefined): void {
    this.#counts = saved?.slice();
  }
}
