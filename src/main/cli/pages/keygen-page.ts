/** Help of `kvcast keygen`. MAIN THREAD. */
import type { HelpPage } from "../help.ts";
import { HELP_SWITCH } from "./parts.ts";

export const KEYGEN_PAGE: HelpPage = {
  examples: [
    {
      command: ["kvcast keygen server.secret"],
      says: "A key pair: the secret key in that file, the public one printed.",
    },
    {
      command: ["kvcast keygen router.secret >> clients"],
      says: "One for a client, whose public key goes straight onto the list of those who may connect.",
    },
    {
      command: [
        "kvcast serve --engine http://127.0.0.1:8000 --zmq-endpoint 'tcp://*:20081'",
        "--zmq-curve-secret-key-file server.secret --zmq-curve-allow-file clients",
      ],
      says: "A service that nobody else can read.",
    },
    {
      command: [
        'kvcast tail tcp://host:20081 --zmq-curve-server-key "$(kvcast keygen server.secret --public)"',
        "--zmq-curve-client-key-file router.secret",
      ],
      says: "A client of it.",
    },
  ],
  usage: "kvcast keygen FILE [--public] [--json]",
  summary:
    "Makes a key pair for CURVE, the encryption of ZMQ. FILE gets the secret key and can be read by this user alone; a file that is there " +
    "is never written over. The public key is printed, in the 40 characters that ZMQ libraries take (Z85).",
  options: [],
  sections: [
    {
      title: "Switches",
      items: [
        { name: "--public", says: "Make nothing: print the public key that belongs to the secret key in FILE." },
        { name: "--json", says: "Print one JSON object: public_key, public_key_hex, secret_key_file." },
      ],
    },
    { title: "Other", items: [HELP_SWITCH] },
    {
      title: "Exit codes",
      items: [
        { name: "0", says: "Done." },
        { name: "69", says: "The file is there already, or cannot be written." },
        { name: "78", says: "With --public: the file holds no secret key, or others can read it." },
      ],
    },
  ],
};
