/**
 * Addresses that no engine has and that kvcast therefore never talks to. MAIN THREAD.
 *
 * The one place where that is decided, for every HTTP client of kvcast. A configured URL may come from a template or a controller. Link-local addresses are where clouds keep the metadata
 * service that hands out credentials, so they are refused whatever the configuration says, and refused after the name
 * was resolved: a name that points there is no way around. Nothing is sent and no connection is opened.
 */
import { lookup, type LookupAddress } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

const refused = new BlockList();
// Link-local: metadata of most clouds, container credentials, pod identities. IPv4 inside IPv6 (`::ffff:`) counts as IPv4.
refused.addSubnet("169.254.0.0", 16, "ipv4");
refused.addSubnet("fe80::", 10, "ipv6");
// The same through NAT64, 6to4, and as IPv4 was once written in IPv6.
refused.addSubnet("64:ff9b::a9fe:0", 112, "ipv6");
refused.addSubnet("2002:a9fe::", 32, "ipv6");
refused.addSubnet("::a9fe:0", 112, "ipv6");
// Metadata services elsewhere: AWS and its pod identities, Google, Alibaba, Oracle, and Azure's agent.
refused.addAddress("fd00:ec2::254", "ipv6");
refused.addAddress("fd00:ec2::23", "ipv6");
refused.addAddress("fd20:ce::254", "ipv6");
refused.addAddress("100.100.100.200", "ipv4");
refused.addAddress("192.0.0.192", "ipv4");
refused.addAddress("168.63.129.16", "ipv4");

/** Code of the error that a refused name fails with. */
export const ADDRESS_REFUSED = "KVCAST_ADDRESS_REFUSED";

/** Whether `address` (an IP literal, brackets and zone allowed) must not be connected to. False for names. */
export function isRefusedAddress(address: string): boolean {
  const bare = address.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  const version = isIP(bare);
  return version !== 0 && refused.check(bare, version === 6 ? "ipv6" : "ipv4");
}

/** The error for a name or address that must not be connected to. */
export function addressRefusal(hostname: string): NodeJS.ErrnoException {
  return Object.assign(
    new Error(`${hostname} is or leads to a link-local or metadata address, which is never connected to`),
    {
      code: ADDRESS_REFUSED,
    },
  );
}

/** How a name is resolved: the signature of `dns.lookup` with `all: true`. */
export type ResolveAll = (
  hostname: string,
  options: object,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

const resolveBySystem: ResolveAll = (hostname, options, done) => lookup(hostname, { ...options, all: true }, done);

/** A `lookup` option for sockets that fails where any of a name's addresses is refused. */
export function guardedLookup(resolve: ResolveAll = resolveBySystem): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, options, (error, addresses) => {
      if (error !== null) return callback(error, []);
      if (addresses.some(({ address }) => isRefusedAddress(address))) return callback(addressRefusal(hostname), []);
      const first = addresses[0];
      if (options.all === true || first === undefined) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };
}
