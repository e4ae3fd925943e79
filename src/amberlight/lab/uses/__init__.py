"""Who used what last, counted from the recorder: what Access Advisor, key and role last used and the credential report say."""
