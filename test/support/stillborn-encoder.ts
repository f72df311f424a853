/** An encoder that dies before it does anything. */
export default function stillbornEncoder(): never {
  throw new Error("not viable");
}
