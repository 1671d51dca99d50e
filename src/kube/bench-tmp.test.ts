import { it } from 'vitest';
import { agents } from './agents.ts';
import { objectView } from './node/testing/object-view.ts';
import { configMap, flannelOn, netConf, node, pod } from './node/testing/small-cluster.ts';
function world(nPods: number, nNodes: number, nSvc: number) {
  const nodes = Array.from({length:nNodes},(_,i)=>node(`n${i}`,`172.30.1.${i+2}`,`10.244.${i*4}.0/22`));
  const pods = Array.from({length:nPods},(_,i)=>{const n=i%nNodes;const k=Math.floor(i/nNodes)+2;return pod(`p${i}`,'default',`n${n}`,`10.244.${n*4+(k>>8)}.${k&255}`,{containers:[{name:'nginx',image:'nginx'}]},{app:`a${i%Math.max(1,nSvc)}`});});
  const svc = Array.from({length:nSvc},(_,i)=>({apiVersion:'v1',kind:'Service',metadata:{name:`s${i}`,namespace:'default'},spec:{type:'ClusterIP',clusterIP:`10.97.${i>>8}.${i&255}`,clusterIPs:[`10.97.${i>>8}.${i&255}`],ports:[{port:80,protocol:'TCP'}]}}));
  const slices = svc.map((s,i)=>({apiVersion:'v1',kind:'EndpointSlice',metadata:{name:`s${i}-x`,namespace:'default',labels:{'kubernetes.io/service-name':`s${i}`}},addressType:'IPv4',endpoints:pods.filter((_,j)=>j%nSvc===i).slice(0,100).map(p=>({addresses:[p.status!.podIP],nodeName:p.spec.nodeName})),ports:[{port:80,protocol:'TCP'}]}));
  const dns = pod('coredns-1','kube-system','n0','10.244.3.250',{containers:[{name:'coredns',image:'registry.k8s.io/coredns/coredns:v1.12.1'}],volumes:[{name:'c',configMap:{name:'coredns'}}]});
  return [...nodes,...flannelOn(nodes.map((n,i)=>[n.metadata.name,`172.30.1.${i+2}`] as const),netConf({Type:'vxlan'})),...pods,...svc,...slices,dns,configMap('coredns','kube-system',{Corefile:'.:53 {\n kubernetes cluster.local {\n pods insecure\n}\nforward . /etc/resolv.conf\n}\n'}),{apiVersion:'v1',kind:'Namespace',metadata:{name:'default'}}];
}
function run(label: string, objects: any[]) {
  for (let r=0;r<4;r++) {
    const view = objectView(JSON.parse(JSON.stringify(objects)));
    let total=0; const parts:string[]=[]; let records=0;
    for (const a of agents) { const t=performance.now(); let n=0; for (const k of a.keys(view)) n+=a.render(k,view).records.length; const d=performance.now()-t; total+=d; records+=n; parts.push(`${a.name} ${d.toFixed(1)}(${n})`); }
    console.log(label, total.toFixed(1), records, parts.join(' '));
  }
}
it('bench', () => { run('1000 pods 3 nodes 10 svc', world(1000,3,10)); run('60 pods 50 nodes 500 svc', world(1000,50,500)); });
