/**
 * A rule for the linter: no cast. `x as T` silences the compiler where it would have had something to say; a value from outside is
 * checked by a parse function instead, and what the types of a library do not know is said in one small function. Which files have
 * those is listed in .oxlintrc.json.
 *
 * Two casts are none:
 *   as const           says less, not more
 *   words[i] as number a number of a typed array, whose type says that there may be none at any place. A function around it would have to
 *                      be called for each word of each event, and would see arrays of all kinds, which makes it slow. Not for a name
 *                      (`fields["size"]`), which is how a value from outside is read.
 */

const READ = new Set(["TSNumberKeyword", "TSBigIntKeyword"]);

function isConst({ type, typeName }) {
  return type === "TSTypeReference" && typeName.name === "const";
}

function isElement({ type, computed, property }) {
  return (
    type === "MemberExpression" && computed && !(property.type === "Literal" && typeof property.value === "string")
  );
}

const noCast = {
  create(context) {
    const check = (node) => {
      const { expression, typeAnnotation } = node;
      if (isConst(typeAnnotation) || (READ.has(typeAnnotation.type) && isElement(expression))) return;
      context.report({
        node,
        message: "a cast; write a type guard, a parse function, or see src/shared/element.ts and keyed.ts",
      });
    };
    return { TSAsExpression: check, TSTypeAssertion: check };
  },
};

export default { meta: { name: "kvcast" }, rules: { "no-cast": noCast } };
