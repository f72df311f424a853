/**
 * Addresses that no engine has and that kvcast therefore never talks to. MAIN THREAD.
 *
 * The one place where that is decided, for every HTTP client of kvcast. A configured URL may come from a template or a controller.
 * Link-local addresses are where clouds keep the metadata service that hands out credentials, so they are refused whatever the
 * configuration says, and refused after the name was resolved: a name that points there is no way around. Nothing is sent and no connection is opened.
 */
import { lookup, type LookupAddress } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** Link-local, which is where most clouds have metadata, container credentials and pod identities. */
const IPV4: readonly (readonly [address: string, prefix: number])[] = [
  ["169.254.0.0", 16],
  // Elsewhere: Alibaba, Oracle, and Azure's agent.
  ["100.100.100.200", 32],
  ["192.0.0.192", 32],
  ["168.63.129.16", 32],
];
/** IPv4 within IPv6: as it was once written, translated, and through NAT64. `::ffff:` counts as IPv4 by itself. */
const AROUND_IPV4: readonly string[] = ["::", "::ffff:0:", "64:ff9b::", "64:ff9b:1::"];

const refused = new BlockList();
refused.addSubnet("fe80::", 10, "ipv6");
// AWS and its pod identities, Google.
refused.addAddress("fd00:ec2::254", "ipv6");
refused.addAddress("fd00:ec2::23", "ipv6");
refused.addAddress("fd20:ce::254", "ipv6");
for (const [address, prefix] of IPV4) {
  refused.addSubnet(address, prefix, "ipv4");
  for (const around of AROUND_IPV4) refused.addSubnet(`${around}${address}`, 96 + prefix, "ipv6");
  // 6to4 has it in front.
  refused.addSubnet(`2002:${hexOf(address)}::`, 16 + prefix, "ipv6");
}

/** `169.254.0.1` as `a9fe:1`. */
function hexOf(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

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
