-- size.lua -- how large a test is: "ci" by default, "full" with scripts/test --full.
local full = os.getenv "IFLOW_SPEC_SIZE" == "full"

return {
  full = full,
  --- The first value in CI, the second in a full run: size.of(1 << 26, 1 << 30).
  of = function(ci, value_when_full)
    if full then return value_when_full end
    return ci
  end,
}
