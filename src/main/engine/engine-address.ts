/**
 * Addresses that no engine has and that kvcast therefore never talks to. MAIN THREAD.
 *
 * A configured URL may come from a template or a controller. Link-local addresses are where clouds keep the metadata
 * service that hands out credentials, so they are refused whatever the configuration says, and refused after the name
 * was resolved: a name that points there is no way around. Nothing is sent and no connection is opened.
 */
import { lookup, type LookupAddress } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

const refused = new BlockList();
refused.addSubnet("169.254.0.0", 16, "ipv4");
refused.addSubnet("fe80::", 10, "ipv6");
refused.addAddress("fd00:ec2::254", "ipv6");

/** Code of the error that a refused name fails with. */
export const ADDRESS_REFUSED = "KVCAST_ADDRESS_REFUSED";

/** Whether `address` (an IP literal, brackets and zone allowed) must not be connected to. False for names. */
export function isRefusedAddress(address: string): boolean {
  const bare = address.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  const version = isIP(bare);
  return version !== 0 && refused.check(bare, version === 6 ? "ipv6" : "ipv4");
}

function refusal(hostname: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${hostname} resolves to a link-local or metadata address`), {
    code: ADDRESS_REFUSED,
  });
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
      if (addresses.some(({ address }) => isRefusedAddress(address))) return callback(refusal(hostname), []);
      const first = addresses[0];
      if (options.all === true || first === undefined) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };
}
