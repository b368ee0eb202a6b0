-- token_server.lua -- the authorities whose certificates the token server (XSUAA) accepts for keys
-- with an external certificate, by SAP's documentation. The fingerprint of the intermediate among
-- them is not published: it counts through its issuer, which stands in the list (issuer_sha256).
-- Read through lua/iflow/roots.lua.
return {
  name = "token server",
  source = "SAP Help Portal, Trusted Authorities for X.509 Certificates",
  roots = {
    { subject = "C=US, O=DigiCert Inc, OU=www.digicert.com, CN=DigiCert Global Root G2",
      serial = "033AF1E6A711A9A0BB2864B11D09FAE5", not_after = "2038-01-15",
      sha256 = "CB3CCBB76031E5E0138F8DD39A23F9DE47FFC35E43C1144CEA27D46A5AB1CB5F" },
    { subject = "C=DE, L=Walldorf, O=SAP AG, CN=SAP Global Root CA",
      serial = "5D03D93D31615D8F488B3970C78F1B99", not_after = "2032-04-26",
      sha256 = "56539C1E7B5ED5582B79680061CBF21486A850226B2FCF30B5B152A720E134DE" },
    { subject = "C=US, O=DigiCert Inc, OU=www.digicert.com, CN=DigiCert Global Root CA",
      serial = "083BE056904246B1A1756AC95991C74A", not_after = "2031-11-10",
      sha256 = "4348A0E9444C78CB265E058D5E8944B4D84F9662BD26DB257F8934A443C70161" },
    { subject = "C=US, O=DigiCert Inc, OU=www.digicert.com, CN=DigiCert SHA2 Secure Server CA",
      not_after = "2030-09-22",
      issuer_sha256 = "4348A0E9444C78CB265E058D5E8944B4D84F9662BD26DB257F8934A443C70161" },
    { subject = "C=US, O=Entrust, Inc., OU=www.entrust.net/legal-terms, "
        .. "CN=Entrust Root Certification Authority - G2",
      serial = "4A538C28", not_after = "2030-12-07",
      sha256 = "43DF5774B03E7FEF5FE40D931A7BEDF1BB2E6B42738C4E6D3841103D3AA7F339" },
  },
}
