"""Plans, subscriptions and access: Stripe is the truth about money, entitlement_of() about access.

Where to look:

    the edge     gateway is Stripe as we use it: checkout_calls, subscription_calls, reversal_calls and event_calls say
                 what is asked, asking says how (with the SDK); signatures knows a real delivery, reading_answers
                 makes what Stripe says into values, the shapes; models keep them
    access       facts are what bears on it, entitlements says who may come in, states and standing say it in words,
                 wording writes days and sums; granting gives access without payment, queries answers the areas to the
                 right
    joining      checkout, with attempts (ways to Stripe's page), customers, prices and trying (trials)
    changing     switching (another plan) and ending (cancelling): changes are the rows, changing makes the calls;
                 managing has the pages, forms what is asked there
    hearing      webhooks takes deliveries, syncing reads a customer, with invoices and reversing (money back);
                 reconciling finds what was never heard, comparing walks over everything at Stripe, resyncing reads when
                 somebody asks
    telling      letting_know the member, alerting coaches and owners
    leaving      ending_charges, forgetting, taking_along; pushing_address for whoever moves to another mailbox
    operating    commands, setting_up, checking (is all well at Stripe?), watching (how far were events read?),
                 verifying (the sandbox against the real Stripe), revenue
    views        the pages of joining and billing, and the address of deliveries
"""
