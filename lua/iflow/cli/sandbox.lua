-- sandbox.lua -- what the commands about a running sandbox have in common.
return {
  --- The row of the option that names it.
  dir_option = { "--dir", value = "DIR", env = "IFLOW_SANDBOX", required = true,
    help = "the sandbox's directory" },
}
